//! Substitutes for services in groups, a clock that stands, and an agent that can be killed at any write.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use disk::faults::{Gone, Kind, on_write};
use evidence::machine::MachineSigner;
use evidence::observations::{Body, RolloutEnd};
use evidence::plan::Plan;
use evidence::rollout::{Rollout, RolloutStep, Strategy, Threshold};
use evidence::rollout_counts::{Counts, GroupCounts};
use evidence::{Digest, Moment};
use judge::rollout::Probes;
use serde_json::json;

use crate::apply::{Fault, Services};
use crate::arrangement::Group;
use crate::deployer::{Deployer, RequestedRelease};
use crate::held::AliveError;
use crate::memory::{KnownRelease, Memory};
use crate::outbox::Outbox;
use crate::plans::plan;
use crate::seats::{Arrangement, GroupFault, Measured};
use crate::secrets::HeldSecrets;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_800_000_000_000) };
}

pub fn now() -> Moment {
    Moment::from_millis(NOW.get()).unwrap()
}

pub fn pass(millis: u64) {
    NOW.set(NOW.get() + millis);
}

/// Somebody sets the clock.
pub fn jump_by(millis: i64) {
    NOW.set(NOW.get().saturating_add_signed(millis));
}

/// The processes of a host, and how they fare.
#[derive(Debug, Default)]
pub struct Host {
    /// Release, number of processes and share of each group.
    pub groups: BTreeMap<Group, (Digest, u32, u32)>,
    /// The release that runs without groups.
    pub alone: Option<Digest>,
    /// Failing requests of each release, in percent.
    pub failing: BTreeMap<Digest, u64>,
    /// Releases that do not start.
    pub dead: Vec<Digest>,
    /// Requests between two measurements.
    pub requests: u64,
    pub probes: Probes,
    totals: GroupCounts,
    /// How a process has ended by itself, until everything is arranged again.
    pub ended: Option<String>,
    /// The agent is killed at the end of so many calls from now.
    pub kill_after: Option<u32>,
}

impl Host {
    /// Shares of the releases, those without any left out.
    pub fn serving(&self) -> BTreeMap<Digest, u32> {
        let mut serving = BTreeMap::new();
        for (release, _, weight) in
            self.groups.values().filter(|(_, count, weight)| *count > 0 && *weight > 0)
        {
            *serving.entry(*release).or_default() += weight;
        }
        serving.extend(self.alone.map(|release| (release, 100)));
        serving
    }

    fn called(&mut self) {
        let Some(left) = &mut self.kill_after else { return };
        match left.checked_sub(1) {
            Some(less) => *left = less,
            None => {
                self.kill_after = None;
                resume_unwind(Box::new(Gone));
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Pretend(pub Arc<Mutex<Host>>);

impl Pretend {
    pub fn host(&self) -> MutexGuard<'_, Host> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Services for Pretend {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn before(&mut self, _: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, plan: &Plan, _: &Path) -> Result<(), Fault> {
        unreachable!("releases of these tests have groups: {plan:?}")
    }

    fn arrange(&mut self, wanted: &Arrangement<'_>) -> Result<(), GroupFault> {
        let mut host = self.host();
        host.called();
        for seat in &wanted.seats {
            let runs = host.groups.values().any(|(release, ..)| *release == seat.known.artifact);
            if host.dead.contains(&seat.known.artifact) && !runs {
                let fault = Fault::new("probe-failed", "it does not start");
                return Err(GroupFault { group: seat.group, fault });
            }
        }
        host.ended = None;
        host.groups = wanted
            .seats
            .iter()
            .map(|seat| (seat.group, (seat.known.artifact, seat.instances, seat.weight)))
            .collect();
        host.called();
        Ok(())
    }

    fn weigh(&mut self, weights: &[(Group, u32)]) -> Result<(), Fault> {
        let mut host = self.host();
        host.called();
        for (group, (_, _, weight)) in &mut host.groups {
            *weight = weights.iter().find(|(one, _)| one == group).map_or(0, |(_, weight)| *weight);
        }
        host.called();
        Ok(())
    }

    fn measure(&mut self) -> Measured {
        let mut host = self.host();
        let (requests, failing, groups) = (host.requests, host.failing.clone(), host.groups.clone());
        for (group, (release, _, weight)) in groups {
            let count = requests * u64::from(weight) / 100;
            let errors = count * failing.get(&release).copied().unwrap_or(0) / 100;
            let new = Counts { requests: count, errors, ..Counts::default() };
            match group {
                Group::Stable => host.totals.stable.add(&new),
                Group::Baseline => host.totals.baseline.add(&new),
                Group::Canary => host.totals.canary.add(&new),
            }
        }
        Measured { totals: host.totals.clone(), probes: host.probes }
    }

    fn is_serving(&self) -> bool {
        !self.host().serving().is_empty()
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        let mut host = self.host();
        (host.groups, host.alone) = (BTreeMap::new(), None);
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        self.host().ended.clone()
    }
}

/// An agent with a place where the old release runs.
pub struct Stage {
    pub dir: tempfile::TempDir,
    pub services: Pretend,
    pub agent: Option<Deployer>,
    pub old: KnownRelease,
    pub new: KnownRelease,
}

fn release(word: &str, plan: Plan) -> KnownRelease {
    let artifact = Digest::of(word.as_bytes());
    KnownRelease {
        artifact,
        layer: artifact,
        commit: plan.commit.clone(),
        plan,
        release: None,
        evidence: None,
    }
}

pub fn step(percent: u8, pause_ms: u64) -> RolloutStep {
    RolloutStep { percent, pause_ms, automatic: true }
}

pub fn rollout(steps: Vec<RolloutStep>) -> Rollout {
    let errors =
        Threshold { metric: "errors".parse().unwrap(), at_most: 10_000, window_ms: 60_000, samples_min: 100 };
    Rollout {
        steps,
        thresholds: vec![errors],
        sticky: None,
        drain_ms: None,
        comparison: None,
        budget: None,
        limit_ms: None,
        protocol: evidence::rollout::Protocol::Http,
        prometheus: Vec::new(),
        sources: BTreeMap::new(),
    }
}

impl Stage {
    pub fn new(strategy: Strategy, steps: Vec<RolloutStep>) -> Self {
        // Agents are killed here, and never the machine.
        disk::forgo_durability();
        let planned = Plan { strategy, rollout: Some(rollout(steps)), instances: Some(3), ..plan() };
        let (old, new) = (release("old", planned.clone()), release("new", planned));
        let dir = tempfile::tempdir().unwrap();
        let services = Pretend::default();
        services.host().requests = 1_000;
        services.host().probes = Probes::Pass;
        let stage = Self { dir, services, agent: None, old, new };
        let memory: Memory = serde_json::from_value(json!({
            "v": 1, "installation": evidence::Id::from_random([1; 16]), "agent": "agent", "place": "shop/api/dev",
            "root_version": 1, "root": stage.old.artifact, "rehearsal": false, "seen_root": 1, "seen_status": 1,
            "seen_statement": 1, "seen_release": 6, "checkpoint": "", "running": stage.old, "before": null,
            "report": null,
        }))
        .unwrap();
        memory.write(stage.dir.path()).unwrap();
        stage
    }

    pub fn memory(&self) -> Memory {
        Memory::read(self.dir.path()).unwrap()
    }

    /// An agent begins, and what ran before begins with it.
    pub fn begin(&mut self) {
        let signer = MachineSigner::from_seed([7; 32]).unwrap();
        let services = Box::new(self.services.clone());
        let agent = Deployer::new(self.dir.path().to_owned(), self.memory(), signer, services, now);
        self.agent = Some(agent.unwrap());
        self.agent().resume();
    }

    pub fn agent(&mut self) -> &mut Deployer {
        self.agent.as_mut().unwrap()
    }

    pub fn asked(&self) -> RequestedRelease {
        RequestedRelease { release: 7, artifact: self.new.artifact, plan: self.new.plan.digest().unwrap() }
    }

    /// The release arrives; whether it is under way then.
    pub fn release(&mut self) -> bool {
        let (asked, new) = (self.asked(), self.new.clone());
        let agent = self.agent();
        agent.begin(&asked).unwrap();
        agent.begin_rollout(&asked, &new, &HeldSecrets::new()).is_err()
    }

    /// The same, and what follows, on a disk with faults: each attempt that fails is repeated later.
    pub fn try_on(&mut self) {
        let (asked, new) = (self.asked(), self.new.clone());
        let agent = self.agent();
        if agent.rolls_out().is_some() {
            drop(agent.tick_if(|_| Ok(true)));
        } else if agent.reported(asked.release, &asked.artifact).is_none() && agent.begin(&asked).is_ok() {
            drop(agent.begin_rollout(&asked, &new, &HeldSecrets::new()));
        }
    }

    pub fn tick(&mut self) {
        self.agent().tick_if(|_| Ok(true)).unwrap();
    }

    /// The agent does something, and is killed by a fault that is set. Its processes end with it.
    pub fn survives(&mut self, work: impl FnOnce(&mut Self)) -> bool {
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        match done {
            Ok(()) => true,
            Err(with) if with.is::<Gone>() => {
                self.killed();
                false
            }
            Err(with) => resume_unwind(with),
        }
    }

    pub fn killed(&mut self) {
        self.agent = None;
        on_write(|_| None);
        let mut host = self.services.host();
        host.kill_after = None;
        (host.groups, host.alone) = (BTreeMap::new(), None);
    }

    /// Makes this write fail, and none after it; whether it came.
    pub fn fail_at_write(number: u32, kind: Kind) -> Arc<Mutex<bool>> {
        let came = Arc::new(Mutex::new(false));
        let (mut left, said) = (number, Arc::clone(&came));
        on_write(move |_| {
            left = left.checked_sub(1)?;
            *said.lock().unwrap() |= left == 0;
            (left == 0).then_some(kind)
        });
        came
    }

    /// Kills the agent at a write of its memory: before or after it is done.
    pub fn kill_at_write(number: u32, kind: Kind) {
        let mut left = number;
        on_write(move |_| {
            left = left.checked_sub(1)?;
            (left == 0).then_some(kind)
        });
    }

    /// Outcome and reasons of the report. No release here has evidence, so one that comes back cannot be judged: that is left out.
    pub fn reported(&self) -> Option<(&'static str, Vec<String>, String)> {
        let (_, report) = self.memory().report?;
        let report = evidence::report::AgentReport::read(&report).unwrap();
        let (outcome, mut reasons) = (report.outcome.name(), report.reasons);
        let all = reasons.len();
        reasons.retain(|code| !["due-for-review", "return-not-judged"].contains(&code.as_str()));
        assert_eq!(all - reasons.len(), if outcome == "returned" { 2 } else { 0 });
        let detail = report.detail.split("\nthe release that runs again is due").next().unwrap_or_default();
        Some((outcome, reasons, detail.to_owned()))
    }

    /// Steps and ends that were observed, in the order of their numbers, which have no gap.
    pub fn observed(&self) -> Vec<(u32, Option<RolloutEnd>)> {
        let outbox = Outbox::of(self.dir.path());
        let numbers = outbox.numbers().unwrap();
        assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");
        let body = |number: &u64| match outbox.read(*number).unwrap().observation.body {
            Body::RolloutVerdict(verdict) => Some((verdict.step, verdict.end)),
            _ => None,
        };
        numbers.iter().filter_map(body).collect()
    }

    /// Exactly the releases of the memory's step serve, and there is one at least.
    pub fn holds(&self, when: &str) {
        let (memory, host) = (self.memory(), self.services.host());
        let running = memory.running.as_ref().unwrap();
        let serving = host.serving();
        let expected = match &memory.rollout {
            None => BTreeMap::from([(running.artifact, 100)]),
            Some(rollout) => {
                let steps = &rollout.new.plan.rollout.as_ref().unwrap().steps;
                let percent = u32::from(steps[rollout.progress.step].percent);
                let shares = [(running.artifact, 100 - percent), (rollout.new.artifact, percent)];
                shares.into_iter().filter(|(_, share)| *share > 0).collect()
            }
        };
        assert_eq!(serving, expected, "{when}: {:?}", memory.rollout);
    }
}
