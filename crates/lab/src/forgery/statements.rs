//! The statement lane: statements of each kind that are void, swapped, or signed by the wrong person.
//!
//! The rows of a kind are made by one table. A policy that asks for the statement shows whether it counts.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::document::FindingsDocument;
use evidence::document::findings::{Class, Severity, Site};
use evidence::document::tests::{TestOutcome, identity};
use evidence::dsse::Envelope;
use evidence::policy_files::PolicyFiles;
use evidence::pool::Pool;
use evidence::statements::{
    Body, Borrower, GrantedSecret, Justification, NotAffected, Scope, SecretGrant, SeenFinding, SeenReport,
    SeenTest, SignOff, Statement, Tag, Waiver,
};

use super::row::{Forgery, forged};
use super::stating::{DAY, Made, ROLES, by, enrolled};
pub(super) use super::stating::{state, stated, statement};
use super::{lifts, secrets};
use crate::documents::{self, ATTACK, LabDocument, SCAN, SMOKE, TESTS};
use crate::files::RELEASE_CHECKS;
use crate::parts::{PIPELINE_REPORTS, Parts};
use crate::readers::Reader;
use crate::world::{Lab, at, default_policy, id, name};

/// A kind with an honest statement, and the code of a release without it.
#[derive(Clone, Copy, Debug)]
pub struct StatedKind {
    lab: fn(&mut Lab),
    made: Made,
    /// Code that refuses the release where the statement does not count.
    pub open: &'static str,
}

/// All kinds.
pub const KINDS: [StatedKind; 10] = [
    StatedKind { lab: with_reports, made: waiver, open: FOUND },
    StatedKind { lab: with_sign_off, made: sign_off, open: MISSING },
    StatedKind { lab: with_reports, made: not_affected, open: FOUND },
    StatedKind { lab: with_tag, made: tag, open: MISSING },
    StatedKind { lab: with_reports, made: quarantine, open: FAILED },
    StatedKind { lab: with_checks, made: waiver_of_check, open: FOUND },
    StatedKind { lab: with_checks, made: quarantine_of_check, open: FAILED },
    StatedKind { lab: secrets::with_secrets, made: secrets::deploy_secret, open: secrets::MISSING },
    StatedKind { lab: secrets::with_secrets, made: secrets::grant, open: secrets::NOT_GRANTED },
    StatedKind { lab: lifts::with_bar, made: lifts::lift, open: lifts::BARRED },
];

impl StatedKind {
    /// The installation, and the parts of a release with the statement after a change.
    #[must_use]
    pub fn stated(&self, change: impl Fn(&mut Statement)) -> (Lab, Parts) {
        let mut lab = Lab::default();
        (self.lab)(&mut lab);
        let mut parts = lab.honest();
        stated(&lab, &mut parts, self.made, change);
        (lab, parts)
    }
}

macro_rules! rows_of {
    ($kind:literal, $open:ident, $lab:ident, $made:ident) => {
        [
            forged(concat!("a ", $kind, " at the second of its end"), $open, |lab, parts| {
                stated(lab, parts, $made, |_| ());
            })
            .judged_after(DAY)
            // The witnessed time of the evidence is the time of their judgement.
            .unknown_to(&[Reader::Verify, Reader::State]),
            forged(concat!("a ", $kind, " that begins later"), $open, |lab, parts| {
                // People judge it by a clock that goes on while the rows are shown to them.
                stated(lab, parts, $made, |it| it.not_before = at(DAY / 2));
            }),
            forged(concat!("a ", $kind, " under a trust root that is still to come"), $open, |lab, parts| {
                stated(lab, parts, $made, |it| it.root = 2);
            }),
            forged(concat!("a ", $kind, " whose signer saw another ledger"), $open, |lab, parts| {
                stated(lab, parts, $made, |it| it.checkpoint = it.checkpoint.replace("0101", "0202"));
            }),
            forged(concat!("a ", $kind, " by a person without the role"), $open, |lab, parts| {
                by_mallory(lab, parts, $made, &["developer"]);
            }),
            forged(concat!("a ", $kind, " by a revoked key"), $open, |lab, parts| {
                by_mallory(lab, parts, $made, ROLES);
                super::revoke(lab, parts, lab.mallory.approve.key.fingerprint());
            }),
            forged(concat!("a ", $kind, " that the status withdraws"), $open, |lab, parts| {
                stated(lab, parts, $made, |_| ());
                let mut status = lab.status();
                status.withdrawn = parts.statements.iter().map(Envelope::payload_digest).collect();
                status.withdrawn.sort();
                parts.status = lab.signed_status(&status, &[0, 1]);
            }),
            forged(concat!("a ", $kind, " signed after the approval"), "approvals-missing", |lab, parts| {
                stated(lab, parts, $made, |_| ());
                let statements = std::mem::take(&mut parts.statements);
                lab.approve(parts);
                parts.statements = statements;
            }),
            forged(concat!("a ", $kind, " that the server withholds"), $open, |lab, parts| {
                stated(lab, parts, $made, |_| ());
                parts.statements.clear();
            }),
            forged(concat!("a ", $kind, " for another environment"), STRAY, |lab, parts| {
                stated(lab, parts, $made, |it| it.scope.environment = Some(name("staging")));
            }),
            forged(concat!("a ", $kind, " for another service"), STRAY, |lab, parts| {
                stated(lab, parts, $made, |it| secrets::for_service(it, "web"));
            }),
            forged(concat!("a ", $kind, " for another project"), STRAY, |lab, parts| {
                stated(lab, parts, $made, |it| it.scope.project = name("yard"));
            }),
            forged(concat!("a ", $kind, " about something else"), STRAY, |lab, parts| {
                stated(lab, parts, $made, |it| {
                    it.subjects = vec![Digest::of(b"something else")];
                    if let Body::Waiver(Waiver::Test(seen)) = &mut it.body {
                        seen.test = "subtracts".into();
                        it.subjects = vec![identity(&seen.suite, &seen.test).unwrap()];
                    }
                    if let Body::NotAffected(body) = &mut it.body {
                        body.finding.component = Some("pkg:cargo/other@1.0.0".into());
                    }
                    secrets::of_another(it);
                    lifts::of_another(it);
                });
            }),
            forged(concat!("a ", $kind, " of another installation"), UNSOUND, |lab, parts| {
                stated(lab, parts, $made, |it| it.installation = id(2));
            }),
            forged(concat!("a ", $kind, " in another person's name"), UNSOUND, |lab, parts| {
                by(lab, parts, $made, &lab.bob, &lab.mallory.approve);
            }),
            forged(concat!("a ", $kind, " by a person who is not enrolled"), UNSOUND, |lab, parts| {
                by(lab, parts, $made, &lab.mallory, &lab.mallory.approve);
            }),
            forged(concat!("one ", $kind, " twice"), UNSOUND, |lab, parts| {
                stated(lab, parts, $made, |_| ());
            })
            .then(|_, bundle| {
                let again = bundle.lanes.statements.clone();
                bundle.lanes.statements.extend(again);
            }),
            forged(concat!("a ", $kind, " that is not on record"), "not-on-record", |lab, parts| {
                stated(lab, parts, $made, |_| ());
                parts.statements.clear();
                lab.approve(parts);
            })
            .then(|lab, bundle| {
                let mut parts = lab.honest();
                stated(lab, &mut parts, $made, |_| ());
                bundle.lanes.statements.append(&mut parts.statements);
                bundle.lanes.statements.sort_by_key(Envelope::payload_digest);
            }),
        ]
        .map(|row| row.in_lab($lab))
        .to_vec()
    };
}

pub(super) fn rows() -> Vec<Forgery> {
    [
        rows_of!("waiver", FOUND, with_reports, waiver),
        rows_of!("sign-off", MISSING, with_sign_off, sign_off),
        rows_of!("not-affected statement", FOUND, with_reports, not_affected),
        rows_of!("tag", MISSING, with_tag, tag),
        rows_of!("waiver of a test", FAILED, with_reports, quarantine),
        of_deploy_secrets(),
        of_lifts(),
        of_some_kinds(),
        grants(),
    ]
    .concat()
}

/// A version that comes after the approval is a rotation, which leaves the approval as it is.
fn of_deploy_secrets() -> Vec<Forgery> {
    use secrets::{MISSING, NOT_GRANTED, deploy_secret, grant, with_secrets};
    let grants = rows_of!("grant", NOT_GRANTED, with_secrets, grant);
    let rows = rows_of!("deploy secret", MISSING, with_secrets, deploy_secret);
    let rows = rows.into_iter().filter(|row| row.name != "a deploy secret signed after the approval");
    grants.into_iter().chain(rows).chain([by_author()]).collect()
}

/// Only the agent knows what failed at its place. A lift that is withheld voids the approval beside it, so `lifts.rs` has the
/// row of a release without one.
fn of_lifts() -> Vec<Forgery> {
    use lifts::{BARRED, lift, with_bar};
    let rows = rows_of!("lift", BARRED, with_bar, lift);
    let by_agent_alone = |row: Forgery| {
        let is_of_bar = row.expected(Reader::Agent) == Some(BARRED);
        if is_of_bar { row.unknown_to(&[Reader::Approve, Reader::Verify, Reader::State]) } else { row }
    };
    let rows = rows.into_iter().filter(|row| row.name != "a lift that the server withholds");
    rows.map(by_agent_alone).collect()
}

fn by_author() -> Forgery {
    forged("a grant by the author of the change", secrets::NOT_GRANTED, |lab, parts| {
        by(lab, parts, secrets::grant, &lab.ada, &lab.ada.approve);
        let ada = lab.ada.enrolment(&["developer", "secret-owner"]);
        enrolled(lab, parts, &[&ada, &lab.bob.enrolment(ROLES)]);
    })
    .in_lab(secrets::with_secrets)
}

fn of_some_kinds() -> Vec<Forgery> {
    vec![
        forged("a waiver by the author of the change", FOUND, |lab, parts| by_ada(lab, parts, waiver))
            .in_lab(with_reports),
        forged("a waiver that names another rule than its finding has", UNSOUND, |lab, parts| {
            stated(lab, parts, waiver, |it| {
                if let Body::Waiver(Waiver::Finding(seen)) = &mut it.body {
                    seen.rule = "style-nit".into();
                }
            });
        })
        .in_lab(with_reports),
        forged(
            "a not-affected statement that names another component than its finding has",
            UNSOUND,
            |lab, parts| {
                stated(lab, parts, not_affected, |it| {
                    if let Body::NotAffected(body) = &mut it.body {
                        body.finding.component = Some("pkg:cargo/other@1.0.0".into());
                    }
                });
            },
        )
        .in_lab(with_reports),
        forged(
            "a not-affected statement about a finding that is shown as another one",
            UNSOUND,
            |lab, parts| {
                stated(lab, parts, swapped, |_| ());
            },
        )
        .in_lab(with_reports),
        forged("a sign-off by the author of the change", MISSING, |lab, parts| by_ada(lab, parts, sign_off))
            .in_lab(with_sign_off),
        forged("a not-affected statement by the author of the change", FOUND, |lab, parts| {
            by_ada(lab, parts, not_affected);
        })
        .in_lab(with_reports),
        forged("a waiver of a test by the author of the change", FAILED, |lab, parts| {
            by_ada(lab, parts, quarantine);
        })
        .in_lab(with_reports),
        forged("a waiver of a test beside another test that failed", FAILED, |lab, parts| {
            let statement = quarantine(lab, parts);
            let mut document = documents::tests(TestOutcome::Failed);
            document.suites.extend(documents::smoke(TestOutcome::Error).suites);
            parts.documents.insert(TESTS.into(), LabDocument::of(&document));
            parts.receipts = lab.receipts(parts, lab.run(parts).idempotency(), |_| {});
            state(lab, parts, &statement, &lab.bob.approve);
        })
        .in_lab(with_reports),
        forged("a waiver of what a check found, at the second of its end", FOUND, |lab, parts| {
            stated(lab, parts, waiver_of_check, |_| ());
        })
        .in_lab(with_checks)
        .judged_after(DAY)
        .unknown_to(&[Reader::Verify, Reader::State]),
        forged("a waiver of what a check found by the author of the change", FOUND, |lab, parts| {
            by_ada(lab, parts, waiver_of_check);
        })
        .in_lab(with_checks),
        forged("a sign-off of other results", STRAY, |lab, parts| {
            stated(lab, parts, sign_off, |it| it.body = Body::SignOff(SignOff { tests: BTreeSet::new() }));
        })
        .in_lab(with_sign_off),
    ]
}

fn grants() -> Vec<Forgery> {
    vec![
        forged("a grant of a secret to a step, on which no release rests", STRAY, |lab, parts| {
            stated(
                lab,
                parts,
                |lab, parts| lent(lab, parts, "shop/registry/token", &Borrower::Step(name("test"))),
                |_| (),
            );
        }),
        forged("a grant of a secret that the plan does not name", STRAY, |lab, parts| {
            stated(
                lab,
                parts,
                |lab, parts| lent(lab, parts, "database", &Borrower::Service(name("api"))),
                |_| (),
            );
        }),
    ]
}

pub(super) fn with_reports(lab: &mut Lab) {
    lab.pipeline = PIPELINE_REPORTS;
}

pub(super) fn with_checks(lab: &mut Lab) {
    lab.release = RELEASE_CHECKS;
}

fn with_sign_off(lab: &mut Lab) {
    with_reports(lab);
    lab.policy = demanding("sign-off");
}

fn with_tag(lab: &mut Lab) {
    with_reports(lab);
    lab.policy = demanding("tag");
}

/// The default policy, which also asks for a statement of a kind in production.
fn demanding(kind: &str) -> PolicyFiles {
    let mut policy = default_policy();
    let rule = format!(
        "\nis_stated if {{\n\tsome statement in input.statements\n\tstatement.kind == \"{kind}\"\n}}\n\ndeny contains {{\"code\": \
         \"{MISSING}\", \"what\": \"nobody stated it\", \"remedy\": \"state it\"}} if {{\n\tproduction\n\tnot is_stated\n}}\n"
    );
    policy.files.values_mut().for_each(|text| text.push_str(&rule));
    policy
}

/// An honest statement of each kind.
#[must_use]
pub fn each() -> Vec<Envelope> {
    KINDS.iter().flat_map(|kind| kind.stated(|_| ()).1.statements).collect()
}

fn by_ada(lab: &Lab, parts: &mut Parts, made: Made) {
    by(lab, parts, made, &lab.ada, &lab.ada.approve);
    let ada = lab.ada.enrolment(&["developer", "release-manager", "security"]);
    enrolled(lab, parts, &[&ada, &lab.bob.enrolment(ROLES)]);
}

fn by_mallory(lab: &Lab, parts: &mut Parts, made: Made, roles: &[&str]) {
    by(lab, parts, made, &lab.mallory, &lab.mallory.approve);
    let (ada, bob) = (lab.ada.enrolment(&["developer"]), lab.bob.enrolment(ROLES));
    enrolled(lab, parts, &[&ada, &bob, &lab.mallory.enrolment(roles)]);
}

/// A scanner finds something on both runners; its identity, and how people see it.
pub(super) fn found(lab: &Lab, parts: &mut Parts, found: FindingsDocument) -> (Digest, SeenFinding) {
    parts.documents.insert(SCAN.into(), LabDocument::of(&found));
    let run = lab.run(parts).idempotency();
    parts.receipts = lab.receipts(parts, run, |_| {});
    let (identity, finding) = found.findings.into_iter().next().unwrap();
    (identity, SeenFinding::of(&finding))
}

pub(super) fn waiver(lab: &Lab, parts: &mut Parts) -> Statement {
    let found = found(lab, parts, documents::findings(&[("sql", Class::Code, Severity::Critical)]));
    statement(lab, parts, found.0, Body::Waiver(Waiver::Finding(found.1)))
}

/// A test failed on both runners, and another one passed.
pub(super) fn quarantine(lab: &Lab, parts: &mut Parts) -> Statement {
    let mut document = documents::tests(TestOutcome::Failed);
    let passed = documents::smoke(TestOutcome::Passed);
    document.suites.extend(passed.suites);
    parts.documents.insert(TESTS.into(), LabDocument::of(&document));
    let run = lab.run(parts).idempotency();
    parts.receipts = lab.receipts(parts, run, |_| {});
    of_test(lab, parts, of_step(TESTS))
}

/// The same test failed in a check in staging on both runners.
pub(super) fn quarantine_of_check(lab: &Lab, parts: &mut Parts) -> Statement {
    parts.documents.insert(SMOKE.into(), LabDocument::of(&documents::tests(TestOutcome::Failed)));
    parts.checks = lab.checks(parts, |_| {});
    of_test(lab, parts, of_check())
}

pub(super) fn of_step(path: &str) -> SeenReport {
    SeenReport::Step { step: name("test"), path: path.into() }
}

pub(super) fn of_check() -> SeenReport {
    SeenReport::Check { check: name("smoke"), path: SMOKE.into() }
}

fn of_test(lab: &Lab, parts: &mut Parts, report: SeenReport) -> Statement {
    let seen = SeenTest { suite: "book".into(), test: "adds".into(), reports: [report].into() };
    let subject = identity(&seen.suite, &seen.test).unwrap();
    statement(lab, parts, subject, Body::Waiver(Waiver::Test(seen)))
}

/// A waiver of what a check found in staging on both runners.
fn waiver_of_check(lab: &Lab, parts: &mut Parts) -> Statement {
    let found = documents::findings(&[("sql", Class::Code, Severity::Critical)]);
    parts.documents.insert(ATTACK.into(), LabDocument::of(&found));
    parts.checks = lab.checks(parts, |_| {});
    let (identity, finding) = found.findings.into_iter().next().unwrap();
    statement(lab, parts, identity, Body::Waiver(Waiver::Finding(SeenFinding::of(&finding))))
}

pub(super) fn not_affected(lab: &Lab, parts: &mut Parts) -> Statement {
    let mut document = documents::findings(&[("CVE-2026-1", Class::Dependency, Severity::Critical)]);
    for finding in document.findings.values_mut() {
        finding.site = Site::Component { purl: "pkg:cargo/serde@1.0.0".into(), through: Vec::new() };
    }
    let (identity, finding) = found(lab, parts, document);
    let justification = Justification::VulnerableCodeNotInExecutePath;
    statement(lab, parts, identity, Body::NotAffected(NotAffected { finding, justification, vex: None }))
}

/// One component with two advisories: the subject is the harmless one, and the text is about the critical one.
fn swapped(lab: &Lab, parts: &mut Parts) -> Statement {
    let (worst, least) = ("CVE-2026-1", "CVE-2026-2");
    let rules = [(worst, Class::Dependency, Severity::Critical), (least, Class::Dependency, Severity::Low)];
    let mut document = documents::findings(&rules);
    for finding in document.findings.values_mut() {
        finding.site = Site::Component { purl: "pkg:cargo/serde@1.0.0".into(), through: Vec::new() };
    }
    let of = |rule: &str| document.findings.iter().find(|(_, finding)| finding.rule == rule).unwrap();
    let (subject, finding) = (*of(least).0, SeenFinding::of(of(worst).1));
    found(lab, parts, document);
    let justification = Justification::VulnerableCodeNotInExecutePath;
    statement(lab, parts, subject, Body::NotAffected(NotAffected { finding, justification, vex: None }))
}

fn sign_off(lab: &Lab, parts: &mut Parts) -> Statement {
    let tests = parts.documents.get(TESTS).map(LabDocument::digest);
    let body = Body::SignOff(SignOff { tests: tests.into_iter().collect() });
    statement(lab, parts, Digest::of(&parts.manifest), body)
}

fn tag(lab: &Lab, parts: &mut Parts) -> Statement {
    let labels = [(name("channel"), "stable".to_owned())].into();
    let body = Body::Tag(Tag { version: "1.4.0".into(), labels });
    statement(lab, parts, Digest::of(&parts.manifest), body)
}

/// Bob lends a secret.
fn lent(lab: &Lab, parts: &mut Parts, secret: &str, to: &Borrower) -> Statement {
    let is_step = matches!(to, Borrower::Step(_));
    let secret: GrantedSecret = secret.parse().unwrap();
    let subject = secret.subject();
    let (refs, pools) = if is_step {
        (["refs/heads/main".parse().unwrap()].into(), [Pool::Branch].into())
    } else {
        (BTreeSet::new(), BTreeSet::new())
    };
    let grant = SecretGrant {
        secret,
        to: to.clone(),
        refs,
        pools,
        network: BTreeSet::new(),
        hours: None,
        from: None,
    };
    let mut statement = statement(lab, parts, subject, Body::Grant(grant));
    if is_step {
        statement.scope = Scope { project: name("shop"), service: None, environment: None };
    }
    statement
}

pub(super) const FOUND: &str = "finding-critical";
pub(super) const FAILED: &str = "tests-failed";
const MISSING: &str = "statement-missing";
const STRAY: &str = "statement-stray";
const UNSOUND: &str = "statement-unsound";
