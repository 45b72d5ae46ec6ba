//! Secrets that a server would have a runner ask for, although nobody lent them to this step, on this ref, at this time.
//!
//! Each row changes one thing of an order in which Bob lends the secret.

use std::collections::BTreeSet;

use evidence::dsse::Envelope;
use evidence::enrolment::Grant;
use evidence::git::RefName;
use evidence::pool::Pool;
use evidence::serving::RunChoice;
use evidence::statements::{Body, Borrower, Day, Hours, NAMESPACE, Scope, SecretGrant, Statement, Tag};
use evidence::status::Revocation;
use evidence::trust_root::TrustRoot;
use serde_json::json;

use super::runs::{RunForgery, WorkOffer, asked, in_force};
use super::unapplied::beside;
use crate::people::Pair;
use crate::world::{Lab, at, id, name, runner_name};

const NOT_GRANTED: &str = "secret-not-granted";
const UNSOUND: &str = "statement-unsound";
const STRAY: &str = "statement-stray";

/// Rows about work on a runner.
pub(super) fn work() -> Vec<RunForgery> {
    [grants(), signers(), runs()].concat()
}

/// Another grant than the one that Bob signed.
fn grants() -> Vec<RunForgery> {
    vec![
        lent_row("a step with a secret that nobody lent", NOT_GRANTED, |_, work| work.order.grants.clear()),
        lent_row("a secret that was lent to another step", NOT_GRANTED, |lab, work| {
            granted(lab, work, |grant, _| grant.to = Borrower::Step(name("build")));
        }),
        lent_row("a step with another secret than was lent", NOT_GRANTED, |lab, work| {
            granted(lab, work, |grant, _| grant.secret = "shop/registry/other".parse().unwrap());
        }),
        lent_row("a grant that has ended", NOT_GRANTED, |lab, work| {
            granted(lab, work, |_, statement| statement.expires = at(0));
        }),
        lent_row("a grant that begins later", NOT_GRANTED, |lab, work| {
            granted(lab, work, |_, statement| statement.not_before = at(60));
        }),
        lent_row("a grant under a trust root that is still to come", NOT_GRANTED, |lab, work| {
            granted(lab, work, |_, statement| statement.root = 2);
        }),
        lent_row("a grant for other refs", "secret-ref", |lab, work| {
            granted(lab, work, |grant, _| grant.refs = ["refs/heads/main2".parse().unwrap()].into());
        }),
        lent_row("a grant for another pool", "secret-pool", |lab, work| {
            granted(lab, work, |grant, _| grant.pools = [Pool::Protected].into());
        }),
        lent_row("a grant outside its hours", "secret-outside-hours", |lab, work| {
            granted(lab, work, |grant, _| {
                let others =
                    Day::ALL.into_iter().filter(|day| *day != Day::of(at(0)) && *day != Day::of(at(-86_400)));
                let (from, to) = ("08:00".parse().unwrap(), "18:00".parse().unwrap());
                grant.hours = Some(Hours { days: others.collect(), from, to });
            });
        }),
        lent_row("a grant of another project's secret among the grants", STRAY, |lab, work| {
            granted(lab, work, |grant, statement| {
                grant.secret = "yard/registry/token".parse().unwrap();
                statement.scope.project = name("yard");
            });
            let stray = work.order.grants.remove(0);
            work.order.grants = sorted([stray, signed(&honest(lab), &lab.bob.approve)].into());
        }),
        lent_row("more grants than an order may have", UNSOUND, |lab, work| {
            let more = (0..=u8::MAX).map(|n| Statement { nonce: id(n), ..honest(lab) });
            let mut grants: Vec<_> = more.map(|it| signed(&it, &lab.bob.approve)).collect();
            grants.push(signed(&Statement { expires: at(60), ..honest(lab) }, &lab.bob.approve));
            work.order.grants = sorted(grants);
        }),
        lent_row("a grant to a service in place of one to the step", STRAY, |lab, work| {
            granted(lab, work, |grant, statement| {
                grant.secret = "token".parse().unwrap();
                grant.to = Borrower::Service(name("api"));
                (grant.refs, grant.pools) = (BTreeSet::new(), BTreeSet::new());
                let (service, environment) = (Some(name("api")), Some(name("production")));
                statement.scope = Scope { project: name("shop"), service, environment };
            });
        }),
        lent_row("another statement among the grants", STRAY, |lab, work| {
            let mut statement = honest(lab);
            statement.body = Body::Tag(Tag { version: "1.0.0".into(), labels: [].into() });
            work.order.grants =
                sorted([honest(lab), statement].map(|it| signed(&it, &lab.bob.approve)).into());
        }),
        lent_row("a grant of another installation", UNSOUND, |lab, work| {
            granted(lab, work, |_, statement| statement.installation = id(2));
        }),
        lent_row("one grant twice", UNSOUND, |_, work| {
            let again = work.order.grants.clone();
            work.order.grants.extend(again);
        }),
    ]
}

/// Another signer than one who may lend.
fn signers() -> Vec<RunForgery> {
    vec![
        lent_row("a grant by a person without the role", NOT_GRANTED, |lab, work| {
            work.enrols(lab.signed_enrolment(&lab.bob.enrolment(&["release-manager"])));
        }),
        lent_row("a grant by a person with the role in one environment alone", NOT_GRANTED, |lab, work| {
            let mut enrolment = lab.bob.enrolment(&["release-manager"]);
            let (project, environment) = (Some(name("shop")), Some(name("staging")));
            enrolment.grants.push(Grant { role: name("secret-owner"), project, environment });
            work.enrols(lab.signed_enrolment(&enrolment));
        }),
        lent_row("a grant that the status withdraws", NOT_GRANTED, |lab, work| {
            in_force(lab, work, |work, status| {
                status.withdrawn = work.order.grants.iter().map(Envelope::payload_digest).collect();
            });
        }),
        lent_row("a grant by a revoked key", NOT_GRANTED, |lab, work| {
            in_force(lab, work, |_, status| {
                let key = lab.bob.approve.key.fingerprint().to_owned();
                status.revoked = vec![Revocation { key, invalid_since: at(-60) }];
            });
        }),
        lent_row("a grant in another person's name", UNSOUND, |lab, work| {
            work.order.grants = vec![signed(&honest(lab), &lab.mallory.approve)];
        }),
        lent_row("a grant by a sign-in key", UNSOUND, |lab, work| {
            work.order.grants = vec![signed(&honest(lab), &lab.bob.sign_in)];
        }),
        lent_row("a grant by a person who is not enrolled", UNSOUND, |lab, work| {
            let statement = Statement { person: lab.mallory.id, ..honest(lab) };
            work.order.grants = vec![signed(&statement, &lab.mallory.approve)];
        }),
    ]
}

/// Another run than the grant is for.
fn runs() -> Vec<RunForgery> {
    vec![
        lent_row(
            "a secret for a commit that the runner did not find on the ref",
            "secret-ref-unverified",
            |_, work| {
                work.found = None;
            },
        ),
        lent_row(
            "a secret for a commit that the runner found on another ref",
            "secret-ref-unverified",
            |lab, work| {
                granted(lab, work, |grant, _| grant.refs = ["refs/heads/*".parse().unwrap()].into());
                work.found = "refs/heads/mallory".parse().ok();
            },
        ),
        asked("a secret for a commit that was uploaded", "secret-ref-unverified", |lab, work| {
            offered(lab, work, leading(lab));
            let arguments = json!({ "project": "shop", "commit": work.due.commit });
            work.asks(lab.request(&lab.ada, "run", arguments, 70).1);
        })
        .in_lab(|lab| lab.pipeline = AGREED_APART),
        lent_row("a secret for a run that asks for another ref", "secret-ref", |lab, work| {
            let arguments = beside(work.run().arguments, "ref", json!("refs/heads/mallory"));
            work.asks(lab.request(&lab.ada, "run", arguments, 70).1);
            work.found = "refs/heads/mallory".parse().ok();
        }),
    ]
}

/// A row that changes an order with an honest grant.
fn lent_row(name: &'static str, code: &'static str, change: fn(&Lab, &mut WorkOffer)) -> RunForgery {
    asked(name, code, change).in_lab(lending).prepared(|lab, work| offered(lab, work, leading(lab)))
}

/// The step with a secret that Bob lent, offered to the runner that is chosen for it.
#[must_use]
pub fn lent() -> WorkOffer {
    let mut lab = Lab::default();
    lending(&mut lab);
    let mut work = lab.asked();
    offered(&lab, &mut work, leading(&lab));
    work
}

/// An installation whose runners serve verified refs, and whose pipeline has a step with a secret.
pub(super) fn lending(lab: &mut Lab) {
    lab.pipeline = AGREED_APART;
    lab.unusual = |root: &mut TrustRoot| {
        root.runners.iter_mut().for_each(|runner| runner.pool = Some(Pool::Branch));
    };
}

/// Offers the work to a runner, which found the commit on the ref. Bob lends the secret.
pub(super) fn offered(lab: &Lab, work: &mut WorkOffer, n: usize) {
    work.runner = runner_name(n);
    work.due.runner = work.runner.clone();
    let arguments = beside(beside(work.run().arguments, "root", json!(1)), "ref", json!(MAIN));
    work.asks(lab.request(&lab.ada, "run", arguments, 70).1);
    work.enrols(lab.signed_enrolment(&lab.bob.enrolment(&["release-manager", "secret-owner"])));
    work.order.grants = vec![signed(&honest(lab), &lab.bob.approve)];
    work.found = MAIN.parse().ok();
}

/// Number of the runner that is chosen for the step.
pub(super) fn leading(lab: &Lab) -> usize {
    let at_ref: Option<RefName> = MAIN.parse().ok();
    let (root, choice) = (lab.root(), RunChoice { nonce: id(70), at_ref, without: [].into() });
    (0..lab.runners.len()).find(|n| choice.leads(&root, &runner_name(*n))).unwrap_or_default()
}

/// Bob's grant with a change, in the place of the honest one.
fn granted(lab: &Lab, work: &mut WorkOffer, change: impl FnOnce(&mut SecretGrant, &mut Statement)) {
    let mut statement = honest(lab);
    let Body::Grant(mut grant) = statement.body.clone() else { return };
    change(&mut grant, &mut statement);
    statement.subjects = vec![grant.secret.subject()];
    statement.body = Body::Grant(grant);
    work.order.grants = vec![signed(&statement, &lab.bob.approve)];
}

fn honest(lab: &Lab) -> Statement {
    let secret: evidence::statements::GrantedSecret = "shop/registry/token".parse().unwrap();
    Statement {
        installation: id(1),
        person: lab.bob.id,
        scope: Scope { project: name("shop"), service: None, environment: None },
        subjects: vec![secret.subject()],
        not_before: at(-120),
        expires: at(86_400),
        root: 1,
        checkpoint: "countersign/0101\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
        reason: "tests talk to the registry".into(),
        nonce: id(96),
        via: "command-line".into(),
        body: Body::Grant(SecretGrant {
            secret,
            to: Borrower::Step(name("test")),
            refs: [MAIN.parse().unwrap()].into(),
            pools: [Pool::Branch].into(),
            network: ["registry.example:443".to_owned()].into(),
            hours: None,
            from: None,
        }),
    }
}

fn sorted(mut grants: Vec<Envelope>) -> Vec<Envelope> {
    grants.sort_by_key(Envelope::payload_digest);
    grants
}

fn signed(statement: &Statement, key: &Pair) -> Envelope {
    let mut envelope = statement.envelope().unwrap();
    key.sign(&mut envelope, NAMESPACE);
    envelope
}

const MAIN: &str = "refs/heads/main";

/// A pipeline with a node, and behind it a step with a secret, and a third behind that one.
const AGREED_APART: &str = "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
  agreed:
    needs: [build]
    approval: { role: release-manager, count: 1 }
  test:
    needs: [build, agreed]
    secrets: { token: { secret: registry/token } }
    network: [registry.example:443, mirror.example:443]
    run: make test
  last:
    needs: [test]
    run: make last
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";
