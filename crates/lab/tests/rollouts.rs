//! A rollout from real evidence: it begins when the judge allows it, each wider step is judged again, and a freeze holds it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, Mutex};

use agent::{
    AliveError, Arrangement, DeployError, Deployer, Fault, Group, GroupFault, Layer, Measured, Memory,
    RequestedRelease, STATUS_FILE, Services, Widening,
};
use disk::faults::{Kind, on_write};
use evidence::bundle::Bundle;
use evidence::plan::Plan;
use evidence::report::AgentReport;
use evidence::rollout_counts::{Counts, GroupCounts};
use evidence::status::Freeze;
use evidence::{Bytes, Moment};
use judge::rollout::Probes;
use lab::parts::RELEASE_ROLLED;
use lab::{Lab, at, name};

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
        self.agent.tick(None).unwrap();
        assert!(self.agent.tick(None).unwrap(), "a wider step is due");
        let widening = Widening { bundle: Arc::clone(&self.bundle), fresh: None };
        self.agent.tick(Some(&widening)).unwrap();
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
        stage.agent.tick(None).unwrap();
    }
    assert_eq!(stage.step(), None);
    let report = stage.agent.reported(7, &stage.bundle.artifact()).unwrap();
    let report = AgentReport::read(&report).unwrap();
    assert_eq!((report.outcome.name(), report.reasons), ("running", Vec::<String>::new()));
    assert_eq!(stage.groups.shares(), [(Group::Stable, 100)]);
    assert!(!stage.dir.path().join("rollout.json").exists(), "it is for the time of the rollout");
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
            stage.agent.tick(None).unwrap();
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
