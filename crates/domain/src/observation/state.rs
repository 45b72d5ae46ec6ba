//! The fold of observations: the newest of each agent and kind, and what they bar.
//!
//! Invariant: of each agent and kind there is at most one about the running release, one about the newest release and one
//! about the place. Bars of a place are bounded by `BARS_MAX`; beyond it the oldest one is forgotten here, and the agent's
//! own memory still refuses it.

use std::collections::BTreeMap;

use evidence::{Digest, Moment, Name, Place};
use serde::{Deserialize, Serialize};

use super::event::Observed;

/// Observations as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    places: BTreeMap<Place, PlaceState>,
}

/// Observations of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceState {
    /// The newest ones, by agent.
    newest: BTreeMap<Name, Vec<RecordedObservation>>,
    /// Artifacts that must not come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bars: Vec<Bar>,
    /// Start of the hour that is counted, and the number in it, by agent.
    hour: BTreeMap<Name, (Moment, u32)>,
}

/// A recorded observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedObservation {
    /// Facts as they were recorded.
    pub facts: Observed,
    /// Number of the entry.
    pub entry: u64,
}

/// An artifact that must not come again at a place, until a person lifts that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// The artifact.
    pub artifact: Digest,
    /// Number of its release that failed.
    pub release: u64,
    /// Digest of the payload of the observation.
    pub observation: Digest,
    /// Digest of its signed envelope, a blob.
    pub envelope: Digest,
    /// The agent that made it.
    pub agent: Name,
}

impl State {
    /// Whether nothing was observed. Such a state is omitted from snapshots, as in those of older programs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The newest observations of a place.
    pub fn at<'a>(&'a self, place: &Place) -> impl Iterator<Item = &'a RecordedObservation> + use<'a> {
        self.places.get(place).into_iter().flat_map(|standing| standing.newest.values().flatten())
    }

    /// The bars of a place, the oldest first.
    #[must_use]
    pub fn bars(&self, place: &Place) -> &[Bar] {
        self.places.get(place).map_or(&[], |standing| &standing.bars)
    }

    /// Observations of a place after which its agents apply no release until later ones.
    pub fn holding<'a>(&'a self, place: &Place) -> impl Iterator<Item = &'a RecordedObservation> + use<'a> {
        self.at(place).filter(|known| known.facts.holds)
    }

    /// Number of observations of an agent in the hour that is counted at a moment.
    pub(super) fn in_hour(&self, place: &Place, agent: &Name, moment: Moment) -> u32 {
        let counted = self.places.get(place).and_then(|standing| standing.hour.get(agent));
        counted.filter(|(start, _)| moment < start.later_by(HOUR)).map_or(0, |(_, count)| *count)
    }

    /// Takes an observation; `running` is the number of the release that runs at its place.
    pub(crate) fn observed(
        &mut self,
        event: &Observed,
        entry: u64,
        running: Option<u64>,
        moment: Moment,
    ) -> bool {
        let count = self.in_hour(&event.place, &event.agent, moment);
        let standing = self.places.entry(event.place.clone()).or_default();
        let hour = standing.hour.entry(event.agent.clone()).or_insert((moment, 0));
        if count == 0 {
            hour.0 = moment;
        }
        hour.1 = count.saturating_add(1);
        let release = |facts: &Observed| facts.about.map(|about| about.release);
        let stays = |known: &RecordedObservation| {
            let (of, is_same) = (release(&known.facts), known.facts.kind == event.kind);
            !is_same || of != release(event) && (of.is_none() || of == running || event.about.is_none())
        };
        let newest = standing.newest.entry(event.agent.clone()).or_default();
        newest.retain(stays);
        newest.push(RecordedObservation { facts: event.clone(), entry });
        if let Some(about) = event.about.filter(|_| event.bars) {
            standing.bars.retain(|bar| (bar.artifact, &bar.agent) != (about.artifact, &event.agent));
            standing.bars.push(Bar {
                artifact: about.artifact,
                release: about.release,
                observation: event.observation,
                envelope: event.envelope,
                agent: event.agent.clone(),
            });
            let surplus = standing.bars.len().saturating_sub(BARS_MAX);
            standing.bars.drain(..surplus);
        }
        true
    }

    /// Ends the bars of an artifact whose later release runs at the place: its agent has judged that a statement lifted them.
    pub(crate) fn runs(&mut self, place: &Place, artifact: &Digest, release: u64) {
        if let Some(standing) = self.places.get_mut(place) {
            standing.bars.retain(|bar| bar.artifact != *artifact || bar.release >= release);
        }
    }

    /// Forgets a preview that its agent has removed.
    pub(crate) fn forget(&mut self, place: &Place) {
        self.places.remove(place);
    }

    /// Forgets agents that the statement in force does not name any more.
    pub(crate) fn keep_agents<'a>(&mut self, place: &Place, names: impl Iterator<Item = &'a Name> + Clone) {
        if let Some(standing) = self.places.get_mut(place) {
            let is_named = |agent: &Name| names.clone().any(|name| name == agent);
            standing.newest.retain(|agent, _| is_named(agent));
            standing.hour.retain(|agent, _| is_named(agent));
        }
    }
}

/// Highest number of bars of a place.
const BARS_MAX: usize = 64;
const HOUR: std::time::Duration = std::time::Duration::from_hours(1);
