//! A rollout from real evidence: it begins when the judge allows it, each wider step is judged again, and a freeze holds it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use agent::{
    ASIDE_FILE, AliveError, Arrangement, DeployError, Deployer, Fault, Group, GroupFault, Layer, Measured,
    Memory, ORDER_FILE, RequestedRelease, STATUS_FILE, Services, Widening, read_answer, read_order,
};
use disk::faults::{Kind, on_write};
use evidence::advance_order::AdvanceOrder;
use evidence::bundle::Bundle;
use evidence::plan::Plan;
use evidence::report::AgentReport;
use evidence::rollback_order::RollbackOrder;
use evidence::rollout_counts::{Counts, GroupCounts};
use evidence::status::Freeze;
use evidence::{Bytes, Moment};
use judge::rollout::Probes;
use lab::parts::RELEASE_ROLLED;
use lab::{Lab, at, name};
use serde_json::json;

thread_local! {
    static SECONDS: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Moment {
    at(SECONDS.get())
}

/// Shares of each group, in their order, and requests so far.
#[derive(Debug, Default)]
struct Host {
    shares: Vec<(Group, u32)>,
    totals: GroupCounts,
}

#[derive(Clone, Debug, Default)]
struct Groups(Arc<Mutex<Host>>);

impl Groups {
    fn shares(&self) -> Vec<(Group, u32)> {
        self.0.lock().unwrap().shares.clone()
    }
}

impl Services for Groups {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn before(&mut self, _: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, _: &Plan, _: &Path) -> Result<(), Fault> {
        unreachable!("each release here has groups")
    }

    fn arrange(&mut self, wanted: &Arrangement<'_>) -> Result<(), GroupFault> {
        let shares = wanted.seats.iter().map(|seat| (seat.group, seat.weight));
        self.0.lock().unwrap().shares = shares.collect();
        Ok(())
    }

    fn weigh(&mut self, weights: &[(Group, u32)]) -> Result<(), Fault> {
        for (group, weight) in &mut self.0.lock().unwrap().shares {
            *weight = weights.iter().find(|(one, _)| one == group).map_or(0, |(_, weight)| *weight);
        }
        Ok(())
    }

    fn measure(&mut self) -> Measured {
        let totals = &mut self.0.lock().unwrap().totals;
        let new = Counts { requests: 30, ..Counts::default() };
        totals.baseline.add(&new);
        totals.canary.add(&new);
        Measured { totals: totals.clone(), probes: Probes::Pass }
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        None
    }
}

/// An agent of production, and a release of a canary.
struct Stage {
    lab: Lab,
    dir: tempfile::TempDir,
    groups: Groups,
    agent: Deployer,
    bundle: Arc<Bundle>,
    proof: Vec<Bytes>,
}

impl Stage {
    fn new() -> Self {
        SECONDS.set(0);
        let lab = Lab { release: RELEASE_ROLLED, ..Lab::default() };
        let (bundle, leaves) = lab::assemble(&lab, &lab.honest());
        let proof = lab::proof_for(&bundle, &leaves, &lab.agent().checkpoint.parse().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let groups = Groups::default();
        let agent = Self::start(&lab, dir.path(), lab.agent(), &groups);
        Self { lab, dir, groups, agent, bundle: Arc::new(bundle), proof }
    }

    fn start(lab: &Lab, dir: &Path, memory: Memory, groups: &Groups) -> Deployer {
        let signer = lab.production.clone();
        let mut agent = Deployer::new(dir.to_owned(), memory, signer, Box::new(groups.clone()), now).unwrap();
        agent.resume();
        agent
    }

    fn release(&mut self) -> Result<(), DeployError> {
        let layer = Layer::Bytes(lab::parts::built().layer);
        self.agent.release(&self.bundle, &self.proof, &layer).map(drop)
    }

    /// Ticks until a wider step is due, and tries to begin it.
    fn widen(&mut self) {
        SECONDS.set(SECONDS.get() + 11);
        self.agent.tick().unwrap();
        assert!(self.agent.tick().unwrap(), "a wider step is due");
        let widening = Widening { bundle: Arc::clone(&self.bundle), fresh: None };
        self.agent.widen(&widening).unwrap();
    }

    fn step(&self) -> Option<usize> {
        self.agent.memory().rollout.as_ref().map(|rollout| rollout.progress.step)
    }
}

#[test]
fn a_rollout_begins_by_its_evidence_and_is_judged_again_at_each_step() {
    let mut stage = Stage::new();
    let refused = stage.release().unwrap_err();
    assert_eq!(refused.to_string(), "release 7 is rolled out step by step");
    assert_eq!(stage.groups.shares(), [(Group::Stable, 50), (Group::Baseline, 25), (Group::Canary, 25)]);
    // A freeze that lies in the agent's directory holds the next step, until it is lifted.
    let status = stage.lab.status();
    let mut frozen = status.clone();
    (frozen.number, frozen.frozen) =
        (2, vec![Freeze { project: name("shop"), service: None, environment: None }]);
    let put = |stage: &Stage, status: &evidence::status::Status| {
        let signed = stage.lab.signed_status(status, &[0, 1]).encode().unwrap();
        std::fs::write(stage.dir.path().join(STATUS_FILE), signed).unwrap();
    };
    put(&stage, &frozen);
    stage.widen();
    assert_eq!(stage.step(), Some(0));
    put(&stage, &evidence::status::Status { number: 3, ..status });
    stage.widen();
    assert_eq!(stage.step(), Some(1));
    assert_eq!(stage.groups.shares(), [(Group::Stable, 0), (Group::Canary, 100)]);
    // The agent is killed, and another one begins.
    let memory = Memory::read(stage.dir.path()).unwrap();
    stage.agent = Stage::start(&stage.lab, stage.dir.path(), memory, &stage.groups);
    assert_eq!((stage.step(), stage.groups.shares().len()), (Some(1), 2));
    for _ in 0..3 {
        SECONDS.set(SECONDS.get() + 11);
        stage.agent.tick().unwrap();
    }
    assert_eq!(stage.step(), None);
    let report = stage.agent.reported(7, &stage.bundle.artifact()).unwrap();
    let report = AgentReport::read(&report).unwrap();
    assert_eq!((report.outcome.name(), report.reasons), ("running", Vec::<String>::new()));
    assert_eq!(stage.groups.shares(), [(Group::Stable, 100)]);
    assert!(!stage.dir.path().join("rollout.json").exists(), "it is for the time of the rollout");
}

/// A status that lay in the directory until another one took its place holds for orders of people, too.
#[test]
fn attack_an_order_by_somebody_whom_a_status_that_was_set_aside_withdraws() {
    for withdrawn in [false, true] {
        let mut stage = Stage::new();
        stage.release().unwrap_err();
        let lab = &stage.lab;
        let plan = stage.bundle.plan.digest().unwrap();
        let enrolment = lab.signed_enrolment(&lab.bob.enrolment(&["release-manager"]));
        let arguments = json!({ "place": "shop/api/production", "plan": plan, "release": 7, "step": 2 });
        let order = AdvanceOrder {
            v: 1,
            roots: vec![lab.signed_root(&lab.root(), &[0, 1])],
            status: lab.signed_status(&lab.status(), &[0, 1]),
            enrolment: enrolment.clone(),
            request: lab.request(&lab.bob, "advance", arguments, 75).1,
        };
        if withdrawn {
            let mut status = lab.status();
            (status.number, status.withdrawn) = (2, vec![enrolment.payload_digest()]);
            let signed = lab.signed_status(&status, &[0, 1]).encode().unwrap();
            std::fs::write(stage.dir.path().join(ASIDE_FILE), signed).unwrap();
        }
        stage.agent.advance(&order).unwrap();
        let told = stage.agent.condition().rollout.clone().and_then(|told| told.order.clone());
        let codes: Vec<_> = told.unwrap().against.into_iter().map(|reason| reason.code).collect();
        let expected: &[&str] = if withdrawn { &["enrolment-withdrawn"] } else { &[] };
        assert_eq!(codes, expected);
    }
}

/// The server asks for a release until it has the report, so one that it fetched before the end arrives after it.
#[test]
fn a_release_that_arrives_again_changes_nothing_during_its_rollout_and_after_it() {
    for unread in [false, true] {
        let mut stage = Stage::new();
        let asked = RequestedRelease {
            release: stage.bundle.release,
            artifact: stage.bundle.artifact(),
            plan: stage.bundle.plan.digest().unwrap(),
        };
        let again = |stage: &mut Stage| match unread {
            true => stage.agent.unread(&asked, "it was damaged on its way"),
            false => {
                let layer = Layer::Bytes(lab::parts::built().layer);
                stage.agent.release(&stage.bundle, &stage.proof, &layer)
            }
        };
        stage.release().unwrap_err();
        let known = stage.agent.memory().clone();
        assert!(matches!(again(&mut stage), Err(DeployError::UnderWay(7))));
        assert_eq!(stage.agent.memory(), &known);
        stage.widen();
        for _ in 0..3 {
            SECONDS.set(SECONDS.get() + 11);
            stage.agent.tick().unwrap();
        }
        let (known, report) =
            (stage.agent.memory().clone(), stage.agent.reported(7, &asked.artifact).unwrap());
        assert_eq!(AgentReport::read(&report).unwrap().outcome.name(), "running");
        assert_eq!(again(&mut stage).unwrap(), report);
        assert_eq!(stage.agent.memory(), &known);
    }
}

#[test]
fn a_disk_that_does_not_take_the_evidence_begins_nothing() {
    for (word, kind) in disk::faults::KINDS {
        if [Kind::Lost, Kind::Crash].contains(&kind) {
            continue;
        }
        let mut stage = Stage::new();
        let mut once = Some(kind);
        on_write(move |point| (point == "agent.rollout").then(|| once.take()).flatten());
        let failed = stage.release().unwrap_err();
        assert!(!matches!(failed, DeployError::UnderWay(_)), "{word}: {failed}");
        assert_eq!(stage.groups.shares(), [(Group::Stable, 100)], "{word}: the release before goes on");
        // The agent has seen this checkpoint by now.
        stage.proof.clear();
        assert!(matches!(stage.release().unwrap_err(), DeployError::UnderWay(7)), "{word}");
        on_write(|_| None);
    }
}

/// The server asks for a rollback while a canary is out: whatever write fails or crashes, it is done, and counts as used once.
#[test]
fn attack_a_crash_at_any_write_of_a_rollback_does_it_once() {
    for (name, kind) in disk::faults::KINDS {
        for at_write in 0..6 {
            rolled_back(kind, at_write, &format!("{name} at write {at_write}"));
        }
    }
}

fn rolled_back(kind: Kind, at_write: usize, what: &str) {
    let mut stage = Stage::new();
    assert!(matches!(stage.release(), Err(DeployError::UnderWay(7))), "{what}");
    let old = stage.agent.memory().running.clone().unwrap();
    let from = stage.bundle.artifact();
    let arguments = json!({ "place": "shop/api/production", "from": from, "to": old.artifact, "release": 6, "ends": true });
    let request = stage.lab.request(&stage.lab.bob, "rollback", arguments, 76).1;
    let order = RollbackOrder { release: 8, artifact: old.artifact, request, ..stage.lab.order() };
    let mut writes = 0;
    on_write(move |at| {
        writes += usize::from(at == "agent.memory");
        (at == "agent.memory" && writes == at_write + 1).then_some(kind)
    });
    for _ in 0..3 {
        let done = catch_unwind(AssertUnwindSafe(|| drop(stage.agent.rollback(&order))));
        if done.is_err() {
            let memory = Memory::read(stage.dir.path()).unwrap();
            stage.agent = Stage::start(&stage.lab, stage.dir.path(), memory, &stage.groups);
        }
    }
    on_write(|_| None);
    let report = AgentReport::read(&stage.agent.rollback(&order).unwrap()).unwrap();
    assert_eq!((report.release, report.outcome.name()), (8, "running"), "{what}: {}", report.detail);
    let memory = Memory::read(stage.dir.path()).unwrap();
    assert!(memory.rollout.is_none(), "{what}");
    assert_eq!(memory.running.map(|known| known.artifact), Some(old.artifact), "{what}");
    let again = RollbackOrder { release: 9, ..order };
    let report = AgentReport::read(&stage.agent.rollback(&again).unwrap()).unwrap();
    assert_eq!(report.reasons, ["return-used"], "{what}: {}", report.detail);
}

/// A person brings an order while a canary is out: whatever write fails or crashes, it is done once, reported once and answered.
#[test]
fn attack_a_crash_at_any_write_of_an_order_by_hand_does_it_once() {
    for point in ["agent.memory", "agent.answer"] {
        for (name, kind) in disk::faults::KINDS {
            for at_write in 0..6 {
                brought(point, kind, at_write, &format!("{point}:{name} at write {at_write}"));
            }
        }
    }
}

fn brought(point: &'static str, kind: Kind, at_write: usize, what: &str) {
    let mut stage = Stage::new();
    assert!(matches!(stage.release(), Err(DeployError::UnderWay(7))), "{what}");
    let (number, old) =
        (stage.agent.memory().overview().next_by_hand, stage.agent.memory().running.clone().unwrap());
    let from = stage.bundle.artifact();
    let arguments = json!({ "place": "shop/api/production", "from": from, "to": old.artifact, "release": 6, "ends": true });
    let request = stage.lab.request(&stage.lab.bob, "rollback", arguments, 76).1;
    let order = RollbackOrder { release: number, artifact: old.artifact, request, ..stage.lab.order() };
    std::fs::write(stage.dir.path().join(ORDER_FILE), order.encode().unwrap()).unwrap();
    let mut writes = 0;
    on_write(move |at| {
        writes += usize::from(at == point);
        (at == point && writes == at_write + 1).then_some(kind)
    });
    for _ in 0..3 {
        // A crash unwinds here; the agent starts from what is on disk.
        let done = catch_unwind(AssertUnwindSafe(|| drop(stage.agent.take_order())));
        if done.is_err() {
            let memory = Memory::read(stage.dir.path()).unwrap();
            stage.agent = Stage::start(&stage.lab, stage.dir.path(), memory, &stage.groups);
        }
    }
    on_write(|_| None);
    stage.agent.take_order().unwrap();
    assert!(read_order(stage.dir.path()).unwrap().is_none(), "{what}");
    let answer = read_answer(stage.dir.path(), &order.request.payload_digest()).unwrap().unwrap();
    assert_eq!((answer.outcome.name(), answer.release), ("running", number), "{what}");
    let memory = Memory::read(stage.dir.path()).unwrap();
    assert_eq!(
        memory.running.map(|known| (known.artifact, known.release)),
        Some((old.artifact, Some(number))),
        "{what}"
    );
    assert!(memory.rollout.is_none(), "{what}");
    assert_eq!(memory.carried_out.len(), 1, "{what}");
    let report = AgentReport::read(&memory.carried_out[0].report).unwrap();
    assert_eq!((report.release, report.by_hand), (number, Some(order.request.payload_digest())), "{what}");
    let before = memory.carried_out[0].before.clone().unwrap();
    assert_eq!(report.previous, Some(before.payload_digest()), "{what}: the report of the canary goes first");
    let before = AgentReport::read(&before).unwrap();
    assert_eq!((before.release, before.outcome.name()), (7, "returned"), "{what}");
    // The server has given the number meanwhile: the same is reported under a higher one, and stays the last of the chain.
    stage.agent.renumber(&memory.carried_out[0].report.payload_digest()).unwrap();
    let memory = Memory::read(stage.dir.path()).unwrap();
    let again = AgentReport::read(&memory.carried_out[0].report).unwrap();
    assert_eq!((again.release, again.sequence), (number + 1_000, report.sequence), "{what}");
    assert_eq!(
        memory.chain.map(|last| last.digest),
        Some(memory.carried_out[0].report.payload_digest()),
        "{what}"
    );
    assert_eq!(memory.running.and_then(|known| known.release), Some(number + 1_000), "{what}");
    stage.agent.recorded(&memory.carried_out[0].report.payload_digest()).unwrap();
    assert!(stage.agent.unrecorded().is_none(), "{what}");
}
