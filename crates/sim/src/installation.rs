//! The simulated installation: lab's people and keys, founded on disk as `init` does it.

use std::collections::BTreeMap;
use std::path::Path;

use agent::Memory;
use evidence::Place;
use evidence::dsse::Envelope;
use evidence::status::StatusFile;
use evidence::{CommitId, Name, enrolment};
use lab::Lab;
use server::{FirstEnvironment, Genesis};
use tlog::{Checkpoint, NoteSigner};

use crate::machine;

/// Name and place of both agents.
pub const ENVIRONMENTS: [&str; 2] = ["staging", "production"];

/// The place of an agent.
#[must_use]
pub fn place(agent: usize) -> Place {
    Place {
        project: lab::name("shop"),
        service: lab::name("api"),
        environment: lab::name(ENVIRONMENTS[agent]),
    }
}

/// The name of a runner.
#[must_use]
pub fn runner_name(n: usize) -> Name {
    lab::name(&format!("runner-{}", n + 1))
}

/// A directory in memory if the system has one, because nothing here has to survive the machine.
#[must_use]
pub fn disk() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// The ledger's key.
#[must_use]
pub fn ledger_key(lab: &Lab) -> NoteSigner {
    lab::ledger_key("countersign/0101", lab.ledger_seed)
}

/// The commit that runs before the first release.
#[must_use]
pub fn baseline(lab: &Lab) -> CommitId {
    lab.base()
}

/// Founds the installation in a directory; returns the checkpoint that everybody gets at the start.
#[must_use]
pub fn found(dir: &Path, lab: &Lab) -> Checkpoint {
    let base = baseline(lab);
    let environment = |label: &str| FirstEnvironment {
        statement: lab.signed_environment(&lab.environment(label, &base), &[0, 1]),
        policy: lab.policy.encode().unwrap(),
        configuration: lab::configuration().encode().unwrap(),
    };
    let genesis = Genesis {
        root: lab.signed_root(&lab.root(), &[0, 1]),
        status: first_status(lab),
        enrolments: vec![
            lab.signed_enrolment(&lab.ada.enrolment(&["developer"])),
            lab.signed_enrolment(&lab.bob.enrolment(&["release-manager"])),
            carol(lab),
        ],
        environments: ENVIRONMENTS.map(environment).to_vec(),
    };
    server::found(dir, ledger_key(lab), &genesis, machine::world()).unwrap();
    let head = ledger::Reader::open(dir).unwrap().head().unwrap();
    head.checkpoint.text().parse().unwrap()
}

/// Carol's enrolment; nobody can register herself, so Dave signs it.
fn carol(lab: &Lab) -> Envelope {
    let mut envelope = lab.officers[0].enrolment(&["officer"]).envelope().unwrap();
    lab.officers[1].approve.sign(&mut envelope, enrolment::NAMESPACE);
    envelope
}

/// Status 1.
#[must_use]
pub fn first_status(lab: &Lab) -> StatusFile {
    lab.signed_status(&lab.status(), &[0, 1])
}

/// An agent's memory after it joined.
#[must_use]
pub fn joined(lab: &Lab, agent: usize, seen: &Checkpoint) -> Memory {
    Memory {
        v: 1,
        installation: lab::id(1),
        agent: lab::name("agent"),
        place: place(agent),
        root_version: 1,
        root: lab.root().digest().unwrap(),
        rehearsal: false,
        seen_root: 1,
        seen_status: 1,
        seen_statement: 1,
        seen_release: 0,
        begun: None,
        returned: BTreeMap::new(),
        seen_time: evidence::Moment::default(),
        status: None,
        unread: None,
        aside: None,
        declared: None,
        fresh: None,
        ahead: Vec::new(),
        newer: None,
        checkpoint: seen.to_string(),
        running: None,
        before: None,
        earlier: Vec::new(),
        left: None,
        rollout: None,
        report: None,
        secrets: BTreeMap::new(),
        chain: None,
        carried_out: Vec::new(),
        shared: false,
        drifts: false,
        undo: None,
        barred: BTreeMap::new(),
        previews: false,
        removed: BTreeMap::new(),
        preview: None,
    }
}
