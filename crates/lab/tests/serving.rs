//! The runners of a run: chosen at its admission from the signed request and the trust root, and believed by every reader.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use domain::gate::EnvironmentSet;
use domain::{Command, Event, State, build};
use evidence::entry::Entry;
use evidence::pool::Pool;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Name};
use judge::{Sent, Store, Unavailable, admit};
use lab::forgery::{self, READERS};
use lab::{Lab, assemble, at, lax_policy, name, said};
use serde_json::{Value, json};

/// A store of policies.
struct Policies(BTreeMap<Digest, Vec<u8>>);

impl Store for Policies {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        self.0.get(digest).cloned().ok_or_else(|| Unavailable(format!("blob {digest} is missing")))
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        Err(Unavailable(format!("entry {number} is missing")))
    }
}

/// An installation with these environments of the project, each with its policy.
fn installed(lab: &Lab, environments: &[&str]) -> (State, Policies) {
    let policy = lab.policy.encode().unwrap();
    let digest = Digest::of(&policy);
    let mut state = State::default();
    for environment in environments {
        let set = EnvironmentSet {
            previews: None,
            preview: None,
            place: format!("shop/api/{environment}").parse().unwrap(),
            number: 1,
            envelope: Digest::of(environment.as_bytes()),
            policy: digest,
            configuration: Digest::of(b"configuration"),
            agents: Vec::new(),
            baseline: lab.base(),
            after: None,
            automatic: false,
            windows: None,
            soak_ms: None,
            root: 1,
        };
        state.apply(&Event::EnvironmentSet(set), at(10));
    }
    (state, Policies([(digest, policy)].into()))
}

/// Answer to a request for a run with these arguments: the run, or the codes of the refusal.
fn asked(lab: &Lab, environments: &[&str], beside: &[(&str, Value)]) -> Result<build::Run, Vec<String>> {
    let (pack, _) = lab.written("a change", &[lab.base()]);
    let mut arguments = json!({ "project": "shop", "commit": pack.commit });
    for (field, value) in beside {
        arguments.as_object_mut().unwrap().insert((*field).to_owned(), value.clone());
    }
    let (request, envelope) = lab.request(&lab.ada, "run", arguments, 70);
    let attachments = [pack.encode().unwrap()];
    let sent = Sent { request: &request, envelope: &envelope, statements: &[], attachments: &attachments };
    let (state, policies) = installed(lab, environments);
    match admit(&state, &lab.root(), &policies, &sent).unwrap().command {
        Command::Run(run) => Ok(*run),
        Command::Refuse(refusal) => {
            let reasons = serde_json::to_value(&refusal).unwrap();
            let codes =
                reasons.as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap().to_owned());
            Err(codes.collect())
        }
        other => unreachable!("{other:?}"),
    }
}

fn all_in(root: &mut TrustRoot, pool: Pool) {
    root.runners.iter_mut().for_each(|runner| runner.pool = Some(pool));
}

fn pooled() -> Lab {
    Lab { unusual: |root| all_in(root, Pool::Fork), ..Lab::default() }
}

fn codes(said: &[&str]) -> Vec<String> {
    said.iter().map(|code| (*code).to_owned()).collect()
}

fn first() -> (&'static str, Value) {
    ("root", json!(1))
}

#[test]
fn without_pools_every_runner_serves_that_the_request_does_not_leave_out() {
    let lab = Lab::default();
    let all = asked(&lab, &["production"], &[]).unwrap();
    assert_eq!((all.runners.len(), all.pool, all.checkers), (2, None, None));
    let one = asked(&lab, &["production"], &[("without", json!(["runner-1"]))]).unwrap();
    assert_eq!(one.runners, [name("runner-2")]);
}

#[test]
fn as_many_serve_as_the_strictest_environment_asks_for() {
    // Nobody releases the project yet, so one is enough.
    assert_eq!(asked(&pooled(), &[], &[first()]).unwrap().runners.len(), 1);
    let both = asked(&pooled(), &["staging", "production"], &[first()]).unwrap();
    assert_eq!((both.runners.len(), both.pool), (2, Some(Pool::Fork)));
    // The runners of this pool check no releases.
    assert_eq!(both.checkers, Some(Vec::<Name>::new()));
    // A policy does not say how many it needs, so as many as there are.
    let silent = Lab { policy: lax_policy(), ..pooled() };
    assert_eq!(asked(&silent, &["production"], &[first()]).unwrap().runners.len(), 2);
}

#[test]
fn a_run_that_nobody_may_serve_is_refused() {
    let production = ["production"];
    let refused = |lab: &Lab, beside: &[(&str, Value)]| asked(lab, &production, beside).unwrap_err();
    assert_eq!(refused(&pooled(), &[first(), ("without", json!(["runner-1"]))]), codes(&["pool-too-small"]));
    let branches = Lab { unusual: |root| all_in(root, Pool::Branch), ..Lab::default() };
    assert_eq!(refused(&branches, &[first()]), codes(&["pool-too-small"]));
    let one_host = Lab {
        unusual: |root| {
            all_in(root, Pool::Fork);
            let host = root.runners.first().unwrap().place.clone();
            root.runners.last_mut().unwrap().place = host;
        },
        ..Lab::default()
    };
    assert_eq!(refused(&one_host, &[first()]), codes(&["pool-too-small"]));
    assert_eq!(refused(&pooled(), &[]), codes(&["root-missing"]));
    assert_eq!(refused(&pooled(), &[("root", json!(2))]), codes(&["root-differs"]));
    assert_eq!(refused(&Lab::default(), &[("without", json!(["runner-9"]))]), codes(&["no-such-runner"]));
}

/// The receipts of the runners that the root chooses pass, wherever they are read.
#[test]
fn what_chosen_runners_built_passes_everywhere() {
    let lab = pooled();
    let mut parts = lab.honest();
    forgery::asked_with(&lab, &mut parts, "root", json!(1));
    let (bundle, leaves) = assemble(&lab, &parts);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
}

/// A newer root changes nothing about a build as long as it has the runners in the pool of the run.
#[test]
fn what_chosen_runners_built_passes_under_a_newer_root() {
    let lab = pooled();
    let mut parts = lab.honest();
    forgery::asked_with(&lab, &mut parts, "root", json!(1));
    let mut root = lab.root();
    root.version = 2;
    root.runners.first_mut().unwrap().pool = None;
    parts.roots.push(lab.signed_root(&root, &[0, 1]));
    let (bundle, leaves) = assemble(&lab, &parts);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
}

/// The first runner builds and checks, the second one builds alone. Its receipt of a check counts for nothing.
#[test]
fn attack_checks_by_a_runner_of_another_pool() {
    let unusual = |root: &mut TrustRoot| root.runners.last_mut().unwrap().pool = Some(Pool::Fork);
    let lab = Lab { unusual, release: lab::parts::RELEASE_CHECKS, ..Lab::default() };
    let mut parts = lab.honest();
    forgery::asked_with(&lab, &mut parts, "root", json!(1));
    let judged = |parts: &lab::Parts| {
        let (bundle, leaves) = assemble(&lab, parts);
        READERS.map(|reader| said(&lab, reader, &bundle, &leaves, at(0)))
    };
    assert_eq!(judged(&parts), [(); 4].map(|()| codes(&["runner-not-serving"])));
    let by_the_first = |envelope: &evidence::dsse::Envelope| {
        let receipt = evidence::receipt::Receipt::open(envelope, &lab.root()).unwrap();
        receipt.runner == name("runner-1")
    };
    parts.checks.as_mut().unwrap().receipts.retain(by_the_first);
    lab.approve(&mut parts);
    assert_eq!(judged(&parts), [(); 4].map(|()| codes(&[])));
}

/// The names of hosts are compared as hosts' names are: a second spelling makes no second host.
#[test]
fn attack_another_spelling_of_a_host() {
    let witnesses_apart = Lab::default();
    let (bundle, leaves) = assemble(&witnesses_apart, &witnesses_apart.honest());
    assert_eq!(said(&witnesses_apart, READERS[0], &bundle, &leaves, at(0)), Vec::<String>::new());
    let spelled = |root: &mut TrustRoot| {
        for witness in &mut root.witnesses.keys {
            witness.place.host = root.server.host.to_ascii_uppercase();
        }
    };
    let lab = Lab { unusual: spelled, ..Lab::default() };
    let (bundle, leaves) = assemble(&lab, &lab.honest());
    let root = lab.root();
    assert_ne!(root.witnesses.keys.first().unwrap().place.host, root.server.host);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), codes(&["not-witnessed"]), "{reader:?}");
    }
}
