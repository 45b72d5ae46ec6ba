//! The fold of sources: what was put forward for the runs that still matter.

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

/// A commit that was put forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What was recorded.
    pub facts: Taken,
    /// Number of the entry.
    pub entry: u64,
}

impl State {
    /// What a run is of.
    #[must_use]
    pub fn of(&self, run: RunId) -> Option<&Source> {
        self.taken.get(&run)
    }

    pub(crate) fn taken(&mut self, event: &Taken, entry: u64) -> bool {
        self.taken.insert(event.run, Source { facts: event.clone(), entry }).is_none()
    }

    /// Forgets the sources of all other runs.
    pub(crate) fn keep(&mut self, runs: &BTreeSet<RunId>) {
        self.taken.retain(|run, _| runs.contains(run));
    }

    /// Forgets a run that nothing can come of any more.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.taken.remove(&run);
    }
}
