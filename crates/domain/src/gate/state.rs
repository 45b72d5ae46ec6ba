//! The fold of gates: environment statements in force, and gates that wait for a verdict.
//!
//! Invariant: at most one gate is due at each place, and a verdict for another release or generation is a misfit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{EnvironmentSet, GateDue, Judged, PreviewEnding};
use evidence::Place;

/// Gates as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) environments: BTreeMap<Place, Environment>,
    pub(super) due: BTreeMap<Place, GateDue>,
    /// Release number and highest generation asked for, by place.
    pub(super) generations: BTreeMap<Place, (u64, u32)>,
}

/// An environment statement in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Facts as they were recorded.
    pub facts: EnvironmentSet,
    /// Number of the entry.
    pub entry: u64,
    /// The request of a person that it ends, with the number of its entry. Only a preview has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<(PreviewEnding, u64)>,
}

impl State {
    /// The statement in force at a place.
    #[must_use]
    pub fn environment(&self, place: &Place) -> Option<&Environment> {
        self.environments.get(place)
    }

    /// Every statement in force.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values()
    }

    /// Gates that wait for a verdict.
    pub fn outstanding(&self) -> impl Iterator<Item = &GateDue> {
        self.due.values()
    }

    pub(crate) fn environment_set(&mut self, event: &EnvironmentSet, entry: u64) -> bool {
        let set = Environment { facts: event.clone(), entry, ending: None };
        let old = self.environments.insert(event.place.clone(), set);
        old.is_none_or(|old| old.facts.number < event.number)
    }

    pub(crate) fn preview_ending(&mut self, event: &PreviewEnding, entry: u64) -> bool {
        let Some(set) = self.environments.get_mut(&event.place) else { return false };
        set.ending = Some((event.clone(), entry));
        set.facts.preview.is_some() && set.facts.number == event.number
    }

    /// Forgets a preview that its agent has removed.
    pub(crate) fn forget(&mut self, place: &Place) {
        self.environments.remove(place);
        self.due.remove(place);
        self.generations.remove(place);
    }

    pub(crate) fn due(&mut self, event: &GateDue) -> bool {
        self.generations.insert(event.place.clone(), (event.release, event.generation));
        self.due.insert(event.place.clone(), event.clone());
        true
    }

    /// Withdraws the question for a verdict at a place.
    pub(crate) fn drop(&mut self, place: &Place) {
        self.due.remove(place);
    }

    pub(crate) fn judged(&mut self, event: &Judged) -> bool {
        let due = self.due.remove(&event.place);
        due.is_some_and(|due| due.release == event.release && due.generation == event.generation)
    }
}
