//! The fold of sources: the commits of runs that still matter.
//!
//! Invariant: a source is forgotten once no run, release or rollback needs it, so memory does not grow with the ledger.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::Taken;
use crate::ids::RunId;

/// Sources as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) taken: BTreeMap<RunId, Source>,
}

/// A submitted commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Facts as they were recorded.
    pub facts: Taken,
    /// Number of the entry.
    pub entry: u64,
}

impl State {
    /// The source of a run.
    #[must_use]
    pub fn of(&self, run: RunId) -> Option<&Source> {
        self.taken.get(&run)
    }

    /// All sources that may still be needed, with their runs.
    pub fn all(&self) -> impl Iterator<Item = (RunId, &Source)> {
        self.taken.iter().map(|(run, source)| (*run, source))
    }

    pub(crate) fn taken(&mut self, event: &Taken, entry: u64) -> bool {
        self.taken.insert(event.run, Source { facts: event.clone(), entry }).is_none()
    }

    /// Forgets the sources of all other runs.
    pub(crate) fn keep(&mut self, runs: &BTreeSet<RunId>) {
        self.taken.retain(|run, _| runs.contains(run));
    }

    /// Forgets a run that can no longer produce anything.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.taken.remove(&run);
    }
}
