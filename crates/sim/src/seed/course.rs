//! The course of a seeded installation: one run after the other, each with what people and machines do about it.

use std::collections::BTreeMap;

use domain::RunId;
use evidence::approval::Decision;
use evidence::report::{AgentReport, ReleaseOutcome, Running};
use evidence::request::Request;
use evidence::status::{Freeze, StatusFile};
use evidence::{Digest, Place};
use fastrand::Rng;
use judge::Store as _;
use serde_json::json;
use server::Answer;
use wire::{AgentWork, Submission};

use super::calendar::Calendar;
use super::change::{Change, Source};
use super::estate::{Estate, WITH_NODE};
use super::office::Office;
use super::people::{request, status, tightening};
use super::works::done;
use super::{SeedOrder, Seeded};
use crate::machine;
use crate::people::{Draft, submission};

/// Everything that is under way.
pub struct Course {
    pub(super) estate: Estate,
    pub(super) office: Office,
    calendar: Calendar,
    pub(super) chance: Rng,
    sources: Vec<Source>,
    /// Plans of the artifacts that agents have brought up, by place.
    plans: BTreeMap<(Place, Digest), Digest>,
    /// Longest time between two actions, in milliseconds.
    pace: u64,
    /// How often officers have met.
    officers: u64,
    seeded: Seeded,
}

/// The end of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    StepFails,
    TestFails,
    RunnersDiffer,
    Cancelled,
    Unsigned,
}

impl Course {
    /// Founds the installation at the beginning of the calendar.
    pub fn found(order: &SeedOrder<'_>) -> Self {
        let calendar = Calendar::before(order.end, WEEKS);
        let estate = Estate::at(machine::now());
        drop(server::found(order.dir, Estate::ledger_key(), &estate.genesis(), machine::world()).unwrap());
        let runs = order.releases / RELEASES_A_RUN + order.entries / ENTRIES_A_RUN + 1;
        Self {
            sources: estate.projects.iter().map(Source::new).collect(),
            office: Office::open(order.dir),
            estate,
            chance: Rng::with_seed(order.seed),
            plans: BTreeMap::new(),
            pace: (calendar.whole() / runs / ACTIONS_A_RUN).clamp(1, 120_000),
            calendar,
            officers: 1,
            seeded: Seeded::default(),
        }
    }

    /// Works until there are enough releases and entries.
    pub fn run(mut self, order: &SeedOrder<'_>) -> Seeded {
        let of_all = |amount: u64, releases: u64| {
            u64::try_from(u128::from(amount) * u128::from(releases) / u128::from(order.releases.max(1)))
                .unwrap()
        };
        let mut told = 0;
        loop {
            let (releases, entries) = self.size();
            if releases * 100 / order.releases.max(1) > told {
                told = releases * 100 / order.releases.max(1);
                (order.progress)(releases, entries);
            }
            if releases >= order.releases {
                break;
            }
            self.go_to(of_all(self.calendar.whole() - RESERVE_MS, releases));
            if entries < of_all(order.entries, releases) {
                self.failing_runs();
                continue;
            }
            let project = self.chance.usize(..self.estate.projects.len());
            self.change(project);
        }
        self.go_to(self.calendar.whole() - RESERVE_MS);
        while self.size().1 + FINALE_ENTRIES < order.entries {
            self.failing_runs();
        }
        self.finale();
        self.office.judge(&self.estate.witnesses);
        (self.seeded.releases, self.seeded.entries) = self.size();
        self.seeded
    }

    /// Goes to a point of the working time. On the way officers do what is theirs, because a status has an end.
    fn go_to(&mut self, passed: u64) {
        let every = self.calendar.whole() / OFFICERS;
        while self.officers * every < passed {
            self.calendar.reach(self.officers * every);
            self.officers(self.officers);
            self.officers += 1;
        }
        self.calendar.reach(passed);
    }

    /// Numbers of releases and entries so far.
    fn size(&self) -> (u64, u64) {
        let state = self.office.state();
        (state.release.places().map(|(_, standing)| standing.highest).sum(), state.entries)
    }

    pub(super) fn happened(&mut self, what: &'static str) {
        *self.seeded.happened.entry(what).or_default() += 1;
    }

    fn wait(&mut self) {
        let millis = self.chance.u64(1..=self.pace);
        self.calendar.pass(millis);
    }

    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.chance.u32(..100) < percent
    }

    pub(super) fn ask(&mut self, submission: &Submission) -> bool {
        let answer = self.office.ask(submission);
        // Only now, because a request does not outlive a night.
        self.wait();
        match answer {
            Answer::Accepted { .. } => true,
            Answer::Refused { .. } => {
                self.happened("refusals");
                false
            }
            Answer::Repeated(entry) => unreachable!("a request repeats entry {entry}"),
        }
    }

    /// A developer's change and its way.
    fn change(&mut self, at: usize) {
        let author = self.one_of("developer", &[]);
        self.sources[at].drift(&mut self.chance);
        let critical = self.percent(6);
        self.sources[at].critical(critical);
        let fate = match self.chance.u32(..100) {
            0..8 => Fate::StepFails,
            8..11 => Fate::TestFails,
            11..12 => Fate::RunnersDiffer,
            12..14 => Fate::Cancelled,
            14..16 => Fate::Unsigned,
            _ => Fate::Passes,
        };
        let (change, run) = self.begin(at, author, fate);
        let Some(run) = run else { return };
        self.work(at, &change, run);
        if fate == Fate::Cancelled || !self.agreed(at, author, &change, run) {
            return;
        }
        self.work(at, &change, run);
        if fate == Fate::Passes || fate == Fate::TestFails {
            self.sources[at].advance(&change);
            self.deploy(at);
            self.at_production(at, author);
            self.forget(at);
        }
    }

    /// Commits, and asks for the run.
    fn begin(&mut self, at: usize, author: usize, fate: Fate) -> (Change, Option<RunId>) {
        let (project, worker) = (&self.estate.projects[at], &self.estate.people[author]);
        let mut change = self.sources[at].commit(project, worker, fate != Fate::Unsigned, &mut self.chance);
        match fate {
            Fate::StepFails => {
                change.fails = Some(lab::name(["build", "test", "analyse"][self.chance.usize(..3)]))
            }
            Fate::TestFails => change.fail_a_test(),
            Fate::RunnersDiffer => change.differs = true,
            Fate::Passes | Fate::Cancelled | Fate::Unsigned => {}
        }
        let sent = self.run_request(at, author, &change);
        let run: RunId = Request::read(&sent.request).unwrap().nonce.into();
        if !self.ask(&sent) {
            return (change, None);
        }
        self.happened("runs");
        if fate == Fate::Cancelled {
            self.cancel(author, &change, run);
        }
        (change, Some(run))
    }

    fn cancel(&mut self, author: usize, change: &Change, run: RunId) {
        let arguments = json!({ "run": run, "commit": change.pack.commit });
        let sent = request(&self.estate.people[author].keys, "cancel", arguments);
        if self.ask(&sent) {
            self.happened("cancelled runs");
        }
    }

    fn run_request(&self, at: usize, author: usize, change: &Change) -> Submission {
        let keys = &self.estate.people[author].keys;
        let arguments = json!({ "project": self.estate.projects[at].name, "commit": change.pack.commit });
        let attachments = vec![change.pack.encode().unwrap()];
        submission(keys, keys, Draft { attachments, ..Draft::of("run", arguments) })
    }

    /// Both runners do everything that is due for a run.
    fn work(&mut self, at: usize, change: &Change, run: RunId) {
        loop {
            self.wait();
            let state = self.office.state();
            let mut receipts = Vec::new();
            for (n, signer) in self.estate.runners.iter().enumerate() {
                let name = crate::installation::runner_name(n);
                for due in state.outstanding(&name).filter(|due| due.run == run) {
                    let took = self.chance.u64(1..=self.pace);
                    receipts.push(done(&self.estate.projects[at], change, due, signer, took));
                }
            }
            drop(state);
            if receipts.is_empty() {
                return;
            }
            self.office.receipts(&receipts);
        }
    }

    /// Somebody agrees at the approval node, if the pipeline has one. Sometimes the author gives the run up.
    fn agreed(&mut self, at: usize, author: usize, change: &Change, run: RunId) -> bool {
        if self.estate.projects[at].name.as_str() != WITH_NODE {
            return true;
        }
        if self.office.state().build.run(run).is_none() {
            return false;
        }
        if self.percent(15) {
            self.cancel(author, change, run);
            return false;
        }
        let manager = self.one_of("release-manager", &[author]);
        let arguments = json!({ "run": run, "step": "agreed", "commit": change.pack.commit });
        let sent = request(&self.estate.people[manager].keys, "agree", arguments);
        self.ask(&sent)
    }

    /// Gates judge and agents deploy, until nothing more happens by itself.
    pub(super) fn deploy(&mut self, at: usize) {
        loop {
            self.wait();
            self.office.judge(&self.estate.witnesses);
            let mut reports = Vec::new();
            for place in self.estate.projects[at].places() {
                if let Some(work) = self.office.due_at(&place) {
                    reports.push(self.deployed(&place, &work));
                }
            }
            if reports.is_empty() {
                return;
            }
            self.office.reports(&reports);
        }
    }

    /// An agent's report about the work that is due at its place.
    fn deployed(&mut self, place: &Place, work: &AgentWork) -> evidence::dsse::Envelope {
        let state = self.office.state();
        let standing = state.release.at(place).unwrap();
        let now = standing.running.as_ref().map(|now| Running::of(now.artifact, now.commit.clone()));
        let (release, artifact, commit, plan) = match work {
            AgentWork::Release { release, artifact, .. } => {
                let facts = &standing.open.as_ref().unwrap().facts;
                (*release, *artifact, facts.commit.clone(), facts.plan)
            }
            AgentWork::Retreat(order) => unreachable!("{} has one agent", order.place),
            AgentWork::Rollback(order) => {
                let mut past = standing.past();
                let commit = past.find(|past| past.artifact == order.artifact).unwrap().commit.clone();
                (order.release, order.artifact, commit, self.plans[&(place.clone(), order.artifact)])
            }
        };
        let is_rollback = matches!(work, AgentWork::Rollback(_));
        let fails = !is_rollback && self.chance.u32(..100) < 3;
        let (outcome, running, reasons, detail) = match (fails, now) {
            (false, _) => (ReleaseOutcome::Running, Some(Running::of(artifact, commit)), Vec::new(), ""),
            (true, Some(now)) => {
                (ReleaseOutcome::Returned, Some(now), vec!["probe-failed".to_owned()], PROBE)
            }
            (true, None) => (ReleaseOutcome::Failed, None, vec!["probe-failed".to_owned()], PROBE),
        };
        if outcome == ReleaseOutcome::Running {
            self.plans.insert((place.clone(), artifact), plan);
        }
        let report = AgentReport {
            v: 1,
            installation: lab::id(1),
            project: place.project.clone(),
            service: place.service.clone(),
            environment: place.environment.clone(),
            agent: lab::name("agent-1"),
            release,
            artifact,
            plan,
            outcome,
            running,
            reasons,
            detail: detail.to_owned(),
            root: 1,
            status: state.identity.status_number(),
            statement: 1,
            checkpoint: 0,
            checkpoint_root: None,
            highest: None,
            time: machine::now(),
            sequence: None,
            previous: None,
            by_hand: None,
        };
        let signed = report.sign(&self.estate.agents[place]).unwrap();
        drop(state);
        self.happened(if fails { "failed deployments" } else { "deployments" });
        signed
    }

    /// Officers renew the status, and freeze or thaw a place.
    fn officers(&mut self, part: u64) {
        let state = self.office.state();
        let (number, _, digest) = state.identity.status().unwrap();
        let freezes = !state.identity.freezes().is_empty();
        drop(state);
        let sent = if part % 4 == 1 && !freezes {
            let bytes = self.office.keeper.store().blob(&digest).unwrap();
            let place = self.any_production();
            self.happened("freezes");
            tightening(&self.estate, &StatusFile::decode(&bytes).unwrap(), number + 1, vec![freeze(&place)])
        } else {
            status(&self.estate, number + 1, Vec::new())
        };
        assert!(self.ask(&sent), "officers set the status");
        for at in 0..self.estate.projects.len() {
            self.deploy(at);
        }
    }

    fn any_production(&mut self) -> Place {
        let mut all = self.estate.agents.keys().filter(|place| place.environment.as_str() == "production");
        let count = all.clone().count();
        all.nth(self.chance.usize(..count)).unwrap().clone()
    }

    /// Runs of branches, whose first step fails, side by side.
    fn failing_runs(&mut self) {
        self.wait();
        let developers = self.estate.with_role("developer");
        let mut begun = Vec::new();
        for n in 0..FAILING_AT_ONCE {
            let (at, author) =
                (self.chance.usize(..self.estate.projects.len()), developers[n % developers.len()]);
            let (project, worker) = (&self.estate.projects[at], &self.estate.people[author]);
            let mut change = self.sources[at].commit(project, worker, true, &mut self.chance);
            let own = change.pack.commit.to_string();
            change.pack.commits.retain(|id, _| *id == own);
            change.fails = Some(lab::name("build"));
            begun.push((at, self.run_request(at, author, &change), change));
        }
        let asked: Vec<_> = begun.iter().map(|(_, sent, _)| sent.clone()).collect();
        for answer in self.office.ask_all(&asked) {
            assert!(matches!(answer, Answer::Accepted { .. }), "a run of a branch is accepted: {answer:?}");
        }
        self.wait();
        let state = self.office.state();
        let name = crate::installation::runner_name(0);
        let mut receipts = Vec::new();
        for (at, sent, change) in &begun {
            let run: RunId = Request::read(&sent.request).unwrap().nonce.into();
            let is_build = |work: &evidence::receipt::Work| matches!(work, evidence::receipt::Work::Step(step) if step.as_str() == "build");
            let due = state.outstanding(&name).find(|due| due.run == run && is_build(&due.work)).unwrap();
            receipts.push(done(&self.estate.projects[*at], change, due, &self.estate.runners[0], self.pace));
        }
        drop(state);
        self.office.receipts(&receipts);
        for _ in begun {
            self.happened("runs of branches");
        }
    }

    /// The last hour: something waits, something is blocked, a place is frozen, and runs are in progress.
    fn finale(&mut self) {
        let author = self.one_of("developer", &[]);
        for (at, critical) in [(0, true), (1, false)] {
            self.sources[at].critical(critical);
            let (change, run) = self.begin(at, author, Fate::Passes);
            self.work(at, &change, run.unwrap());
            self.sources[at].advance(&change);
            self.deploy(at);
            let production = self.estate.projects[at].places().remove(2);
            if critical {
                let manager = self.one_of("release-manager", &[author]);
                self.decide(&production, manager, Decision::Approve, "the figures are right");
                self.promote(&production, manager);
            }
        }
        self.officers(1);
        for at in 0..3 {
            let author = self.one_of("developer", &[]);
            drop(self.begin(at, author, Fate::Passes));
        }
    }

    /// Commits that run nowhere any more are not sent again.
    fn forget(&mut self, at: usize) {
        let state = self.office.state();
        let places = self.estate.projects[at].places();
        let running = places.iter().map(|place| {
            let running = state.release.at(place).and_then(|standing| standing.running.as_ref());
            running.map_or_else(|| self.estate.projects[at].base.clone(), |running| running.commit.clone())
        });
        let running: Vec<_> = running.collect();
        drop(state);
        self.sources[at].forget(&running);
    }

    pub(super) fn one_of(&mut self, role: &str, but: &[usize]) -> usize {
        let mut all = self.estate.with_role(role);
        all.retain(|n| !but.contains(n));
        all[self.chance.usize(..all.len())]
    }
}

fn freeze(place: &Place) -> Freeze {
    Freeze {
        project: place.project.clone(),
        service: Some(place.service.clone()),
        environment: Some(place.environment.clone()),
    }
}

/// Weeks of work.
const WEEKS: u64 = 26;
/// Working time that is left for the last runs.
const RESERVE_MS: u64 = 2 * 3_600_000;
/// Meetings of the officers.
const OFFICERS: u64 = 40;
/// Estimates for the pace.
const RELEASES_A_RUN: u64 = 4;
const ENTRIES_A_RUN: u64 = 10;
const ACTIONS_A_RUN: u64 = 60;
/// Entries that the last hour adds at least.
const FINALE_ENTRIES: u64 = 100;
/// Runs of branches at once; fewer than a person may have under way.
const FAILING_AT_ONCE: usize = 12;
const PROBE: &str = "GET /health answered 503 twenty times";
