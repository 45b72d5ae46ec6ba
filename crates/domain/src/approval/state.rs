//! The fold of approvals of pending releases.
//!
//! Invariant: each person has at most one decision at a place, the latest one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::Given;
use evidence::Place;

/// Approvals as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) given: BTreeMap<Place, Vec<Approval>>,
}

/// An approval or rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Facts as they were recorded.
    pub facts: Given,
    /// Number of the entry.
    pub entry: u64,
}

impl State {
    /// Approvals and rejections of one release.
    pub fn of<'a>(&'a self, place: &Place, release: u64) -> impl Iterator<Item = &'a Approval> + use<'a> {
        let all = self.given.get(place).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(move |approval| approval.facts.release == release)
    }

    /// Forgets a preview that its agent has removed.
    pub(crate) fn forget(&mut self, place: &Place) {
        self.given.remove(place);
    }

    pub(crate) fn given(&mut self, event: &Given, entry: u64) -> bool {
        let all = self.given.entry(event.place.clone()).or_default();
        // A person's later decision replaces the earlier one. Decisions about older releases are dropped: no gate reads
        // them.
        all.retain(|old| old.facts.release >= event.release && old.facts.person != event.person);
        all.push(Approval { facts: event.clone(), entry });
        true
    }
}
