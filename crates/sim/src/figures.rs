//! Measurements on the simulator's installation: a ledger of many real decisions, replayed.

use std::time::{Duration, Instant};

use evidence::canonical;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::request::{self, Request};
use lab::Lab;
use serde_json::json;
use wire::Submission;

use crate::control::Control;
use crate::installation;
use crate::machine;
use crate::people::{Draft, submission};

/// Times of a replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplayTimes {
    /// Number of decisions that agree.
    pub agree: u64,
    /// Time of the whole replay.
    pub replay: Duration,
    /// Time of checking the requests' signatures alone.
    pub signatures: Duration,
}

/// Replays a ledger of this many requests by Bob, each signed, decided and recorded.
#[must_use]
pub fn replay_of(decisions: u64) -> ReplayTimes {
    let (lab, _dir, mut server) = founded(1);
    let mut requests = Vec::new();
    for n in 0..decisions {
        machine::set_now(START + n * 10);
        let arguments = json!({ "place": installation::place(1), "release": n + 1 });
        let sent = submission(&lab.bob, &lab.bob, Draft::of("promote", arguments));
        server.put_request(&sent).unwrap();
        requests.push(sent);
    }
    let signatures = signatures(&lab, &requests);
    let begun = Instant::now();
    let (_, agree, others) = server.replay().unwrap();
    let replay = begun.elapsed();
    assert_eq!(others, Vec::<String>::new());
    ReplayTimes { agree, replay, signatures }
}

/// Costs of many projects.
#[derive(Clone, Debug)]
pub struct Projects {
    /// Times from a request to its durable decision, for each of many.
    pub decided: Vec<Duration>,
    /// Times of reading the outstanding work from the state, as the executor does.
    pub looked: Vec<Duration>,
    /// Time of the server's start.
    pub start: Duration,
    /// Size of the state in its canonical form, in bytes.
    pub state_bytes: usize,
}

/// An installation with this many projects, each with a separate environment, and the costs of one request in it.
#[must_use]
pub fn projects_of(count: u64) -> Projects {
    let (lab, dir, mut server) = founded(2);
    let base = installation::baseline(&lab);
    let attached = [lab.policy.encode().unwrap(), lab::configuration().encode().unwrap()];
    for n in 0..count {
        let statement =
            Environment { project: lab::name(&format!("p-{n}")), ..lab.environment("staging", &base) };
        let signed = lab.signed_environment(&statement, &[0, 1]);
        let arguments = json!({ "statement": signed.payload_digest() });
        let draft = Draft {
            action: "set-environment",
            arguments,
            statements: vec![signed],
            attachments: attached.to_vec(),
        };
        let sent = submission(&lab.bob, &lab.bob, draft);
        server.put_request(&sent).unwrap();
    }
    let mut decided = Vec::new();
    for n in 0..REQUESTS {
        machine::set_now(START + n * 10);
        let place =
            evidence::Place { project: lab::name(&format!("p-{}", n % count)), ..installation::place(0) };
        let arguments = json!({ "place": place, "release": n + 1 });
        let sent = submission(&lab.bob, &lab.bob, Draft::of("promote", arguments));
        let begun = Instant::now();
        server.put_request(&sent).unwrap();
        decided.push(begun.elapsed());
    }
    let state = server.state();
    assert!(state.entries >= count + REQUESTS, "all of it is on record");
    let looks = (0..REQUESTS).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(state.gate.outstanding().count());
        std::hint::black_box(state.build.outstanding(&installation::runner_name(0)).count());
        begun.elapsed()
    });
    let looked = looks.collect();
    let state_bytes = canonical::encode("state", &*state).unwrap().len();
    drop(server);
    let begun = Instant::now();
    drop(Control::start(&dir.path().join("data"), &lab).unwrap());
    Projects { decided, looked, start: begun.elapsed(), state_bytes }
}

/// A new installation and its server.
fn founded(seed: u64) -> (Lab, tempfile::TempDir, Control) {
    machine::begin(seed);
    machine::set_now(START);
    let lab = Lab::new(0);
    let dir = installation::disk();
    let data = dir.path().join("data");
    drop(installation::found(&data, &lab));
    let server = Control::start(&data, &lab).unwrap();
    (lab, dir, server)
}

const REQUESTS: u64 = 100;

fn signatures(lab: &Lab, requests: &[Submission]) -> Duration {
    let begun = Instant::now();
    for sent in requests {
        let envelope: &Envelope = &sent.request;
        let request = Request::read(envelope).unwrap();
        evidence::ssh::signers(envelope, request::NAMESPACE, &[&lab.bob.sign_in.key]).unwrap();
        assert_eq!(request.person, lab.bob.id);
    }
    begun.elapsed()
}

const START: u64 = 1_795_262_400_000;
