//! The fold of runs that have not ended.
//!
//! Invariant: a run leaves the fold when it ends. Work that is made due twice, and a repeated report, are misfits.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Name;
use evidence::receipt::Work;
use serde::{Deserialize, Serialize};

use super::event::{Agreed, Due, Ended, Reported, Started};
use crate::ids::{PersonId, RunId};

/// Runs as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) runs: BTreeMap<RunId, Progress>,
}

/// A run that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Facts of its start.
    pub started: Started,
    /// All work that is or was due.
    pub due: Vec<Due>,
    /// Reports in the order of the ledger.
    pub reported: Vec<Reported>,
    /// People who agreed, by approval node.
    pub agreed: BTreeMap<Name, BTreeSet<PersonId>>,
    /// Numbers of the entries that record reports and agreements.
    pub entries: Vec<u64>,
}

impl State {
    /// A run that has not ended.
    #[must_use]
    pub fn run(&self, run: RunId) -> Option<&Progress> {
        self.runs.get(&run)
    }

    /// All runs that have not ended.
    pub fn runs(&self) -> impl Iterator<Item = &Progress> {
        self.runs.values()
    }

    /// Work that is due on a runner and not reported yet.
    pub fn outstanding<'a>(&'a self, runner: &'a Name) -> impl Iterator<Item = &'a Due> {
        self.runs.values().flat_map(move |run| {
            run.due.iter().filter(move |due| due.runner == *runner && run.report(&due.work, runner).is_none())
        })
    }

    pub(crate) fn started(&mut self, event: &Started) -> bool {
        let run = Progress {
            started: event.clone(),
            due: Vec::new(),
            reported: Vec::new(),
            agreed: BTreeMap::new(),
            entries: Vec::new(),
        };
        self.runs.insert(event.run, run).is_none()
    }

    pub(crate) fn due(&mut self, event: &Due) -> bool {
        let Some(run) = self.runs.get_mut(&event.run) else { return false };
        let known = run.due.iter().any(|due| due.work == event.work && due.runner == event.runner);
        run.due.push(event.clone());
        !known
    }

    pub(crate) fn reported(&mut self, event: &Reported, entry: u64) -> bool {
        let Some(run) = self.runs.get_mut(&event.run) else { return false };
        let known = run.report(&event.work, &event.runner).is_some();
        run.reported.push(event.clone());
        run.entries.push(entry);
        !known
    }

    pub(crate) fn agreed(&mut self, event: &Agreed, entry: u64) -> bool {
        let Some(run) = self.runs.get_mut(&event.run) else { return false };
        run.entries.push(entry);
        run.agreed.entry(event.step.clone()).or_default().insert(event.person)
    }

    pub(crate) fn ended(&mut self, event: &Ended) -> bool {
        self.runs.remove(&event.run).is_some()
    }
}

impl Progress {
    /// A runner's report of some work.
    #[must_use]
    pub fn report(&self, work: &Work, runner: &Name) -> Option<&Reported> {
        self.reported.iter().find(|report| report.work == *work && report.runner == *runner)
    }

    /// Whether a step has passed on all runners that do it, or enough people agreed if it is an approval node.
    #[must_use]
    pub fn has_passed(&self, step: &Name) -> bool {
        let Some(plan) = self.started.steps.get(step) else { return false };
        match &plan.approval {
            Some(approval) => self.agreed.get(step).map_or(0, BTreeSet::len) >= approval.count as usize,
            None => {
                let work = Work::Step(step.clone());
                let passed = |runner| self.report(&work, runner).is_some_and(|report| report.passed);
                let runners = self.started.runners_of(&work);
                !runners.is_empty() && runners.iter().all(passed)
            }
        }
    }

    /// Whether every step has passed.
    #[must_use]
    pub fn steps_passed(&self) -> bool {
        self.started.steps.keys().all(|step| self.has_passed(step))
    }
}
