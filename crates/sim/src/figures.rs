//! What the simulator's installation is good for beside simulating: a ledger of many real decisions, replayed.

use std::time::{Duration, Instant};

use evidence::dsse::Envelope;
use evidence::request::{self, Request};
use lab::Lab;
use serde_json::json;
use wire::Submission;

use crate::control::Control;
use crate::installation;
use crate::machine;
use crate::people::submission;

/// What a replay took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Decisions that came out again.
    pub agree: u64,
    /// All of it.
    pub replay: Duration,
    /// The signatures of the requests alone.
    pub signatures: Duration,
}

/// A ledger of so many requests by Bob, each signed, decided and on record, done again.
#[must_use]
pub fn replay_of(decisions: u64) -> Measured {
    machine::begin(1);
    machine::set_now(START);
    let lab = Lab::new(0);
    let dir = installation::disk();
    let data = dir.path().join("data");
    drop(installation::found(&data, &lab));
    let mut server = Control::start(&data, &lab).unwrap();
    let mut requests = Vec::new();
    for n in 0..decisions {
        machine::set_now(START + n * 10);
        let arguments = json!({ "place": installation::place(1), "release": n + 1 });
        let sent = submission(&lab.bob, &lab.bob, "promote", arguments, Vec::new(), Vec::new());
        server.put_request(&sent).unwrap();
        requests.push(sent);
    }
    let signatures = signatures(&lab, &requests);
    let begun = Instant::now();
    let (_, agree, others) = server.replay().unwrap();
    let replay = begun.elapsed();
    assert_eq!(others, Vec::<String>::new());
    Measured { agree, replay, signatures }
}

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
