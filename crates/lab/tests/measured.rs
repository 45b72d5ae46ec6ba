//! Hosts that their agents measured against a baseline: a release comes only to one that is equal, by each reader, and the agent
//! measures again before it applies it.
#![allow(clippy::unwrap_used, reason = "test code")]

use agent::{Deployer, Layer};
use evidence::Moment;
use evidence::report::{AgentReport, ReleaseOutcome};
use lab::forgery::{READERS, measured_equal};
use lab::parts::built;
use lab::{NoServices, assemble, at, proof_for, said};

/// A setting that each host has.
const SETTING: &str = "kernel.ostype";

fn now() -> Moment {
    at(0)
}

#[test]
fn a_release_to_hosts_that_are_equal_passes_everywhere() {
    let (lab, parts) = measured_equal(SETTING, "Linux");
    let (bundle, leaves) = assemble(&lab, &parts);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
}

/// Somebody changed the host after its last measurement, which the server shows as the newest one.
#[test]
fn attack_a_host_that_changed_after_its_measurement_gets_no_release() {
    let released = |value: &str| {
        let (lab, parts) = measured_equal(SETTING, value);
        let (bundle, leaves) = assemble(&lab, &parts);
        let dir = tempfile::tempdir().unwrap();
        let memory = lab.agent();
        let proof = proof_for(&bundle, &leaves, &memory.checkpoint.parse().unwrap());
        let signer = lab.production.clone();
        let live = Deployer::new(dir.path().to_owned(), memory, signer, Box::new(NoServices), now);
        let report = live.unwrap().release(&bundle, &proof, &Layer::Bytes(built().layer)).unwrap();
        let report = AgentReport::read(&report).unwrap();
        (report.outcome, report.reasons)
    };
    assert_eq!(released("Linux"), (ReleaseOutcome::Running, Vec::new()));
    assert_eq!(released("Plan 9"), (ReleaseOutcome::Refused, vec!["baseline-differs".to_owned()]));
}
