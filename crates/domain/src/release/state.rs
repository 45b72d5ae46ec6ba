//! The fold of releases: what stands at each place.

use std::collections::BTreeMap;

use evidence::report::Outcome;
use evidence::{CommitId, Digest};
use serde::{Deserialize, Serialize};

use super::event::{Held, Promoted, Proposed, ReleaseDue, Reported, Returning, Unplannable, Wanted};
use crate::ids::{PersonId, RunId};
use crate::place::Place;

/// Releases as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) places: BTreeMap<Place, Standing>,
}

/// What stands at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Highest number given.
    pub highest: u64,
    /// What is wanted next and has no plan yet.
    pub wanted: Option<Wanted>,
    /// The release that stands open.
    pub open: Option<Open>,
    /// A return that the agent has not reported yet, and the number of its entry.
    pub returning: Option<(Returning, u64)>,
    /// What runs there, as its agent reported.
    pub running: Option<Current>,
    /// What ran before that.
    pub before: Option<Current>,
    /// The last report of the place's agent: digest of its envelope, number of its entry.
    pub reported: Option<(Digest, u64)>,
    /// What people rolled back here: nothing proposes it again by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rolled_back: Vec<RolledBack>,
    /// What the agent refused because of a freeze, and the number of the status in force then: wanted again under a
    /// later one that freezes it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<(Wanted, u64)>,
}

/// An artifact that a person rolled back at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledBack {
    /// The artifact.
    pub artifact: Digest,
    /// Its commit.
    pub commit: CommitId,
    /// Number of the release that had brought it.
    pub release: u64,
    /// Number of the rollback.
    pub by: u64,
    /// Who asked for that.
    pub person: PersonId,
}

/// A release that stands open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// What was proposed.
    pub facts: Proposed,
    /// Number of the entry.
    pub entry: u64,
    /// How far it has come.
    pub stage: Stage,
    /// Who asked for it to go ahead, and the number of that entry.
    pub promoted: Option<(Promoted, u64)>,
    /// Whether its gate did not pass because the place was frozen: it is judged again once it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
}

/// How far an open release has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It waits for a person.
    Proposed,
    /// Its gate is being judged.
    Judging,
    /// Its gate did not pass.
    Held,
    /// It is due at the agent, with this bundle.
    Due(Digest),
}

/// What runs at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// Number of the release that brought it.
    pub release: u64,
    /// The run that built it.
    pub run: RunId,
    /// Number of the environment statement under which it was planned; absent for what older programs asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<u64>,
}

impl State {
    /// What stands at a place.
    #[must_use]
    pub fn at(&self, place: &Place) -> Option<&Standing> {
        self.places.get(place)
    }

    /// Every place where something stands.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &Standing)> {
        self.places.iter()
    }

    /// Runs whose artifacts are wanted, open, running, or can be returned to.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RunId> {
        self.places.values().flat_map(|standing| {
            let wanted = standing.wanted.as_ref().map(|wanted| wanted.run);
            let open = standing.open.as_ref().map(|open| open.facts.run);
            let running = standing.running.as_ref().map(|running| running.run);
            let before = standing.before.as_ref().map(|before| before.run);
            let frozen = standing.frozen.as_ref().map(|(wanted, _)| wanted.run);
            [wanted, open, running, before, frozen].into_iter().flatten()
        })
    }

    pub(crate) fn wanted(&mut self, event: &Wanted) -> bool {
        let standing = self.standing(&event.place);
        standing.wanted = Some(event.clone());
        standing.frozen = None;
        // Only somebody who asks for it again wants what was rolled back.
        standing.rolled_back.retain(|bar| bar.artifact != event.artifact);
        true
    }

    pub(crate) fn unplannable(&mut self, event: &Unplannable) -> bool {
        self.standing(&event.place).wanted.take().is_some()
    }

    pub(crate) fn proposed(&mut self, event: &Proposed, entry: u64) -> bool {
        let standing = self.standing(&event.place);
        let rises = event.release > standing.highest;
        standing.highest = standing.highest.max(event.release);
        (standing.wanted, standing.frozen) = (None, None);
        let (facts, stage) = (event.clone(), Stage::Proposed);
        standing.open = Some(Open { facts, entry, stage, promoted: None, frozen: false });
        rises
    }

    pub(crate) fn promoted(&mut self, event: &Promoted, entry: u64) -> bool {
        let Some(open) = self.open(&event.place, event.release) else { return false };
        open.promoted = Some((event.clone(), entry));
        true
    }

    pub(crate) fn judging(&mut self, place: &Place, release: u64) -> bool {
        if let Some(open) = self.open(place, release) {
            open.frozen = false;
        }
        self.stage(place, release, Stage::Judging)
    }

    /// Its gate did not pass because the place is frozen.
    pub(crate) fn frozen(&mut self, place: &Place, release: u64) {
        if let Some(open) = self.open(place, release) {
            open.frozen = true;
        }
    }

    pub(crate) fn due(&mut self, event: &ReleaseDue) -> bool {
        self.stage(&event.place, event.release, Stage::Due(event.bundle))
    }

    pub(crate) fn held(&mut self, event: &Held) -> bool {
        self.stage(&event.place, event.release, Stage::Held)
    }

    pub(crate) fn returning(&mut self, event: &Returning, entry: u64) -> bool {
        let standing = self.standing(&event.place);
        let rises = event.release > standing.highest;
        standing.highest = standing.highest.max(event.release);
        standing.returning = Some((event.clone(), entry));
        rises
    }

    /// A return by somebody whose enrolment was withdrawn is carried out nowhere, and holds up nothing.
    pub(crate) fn keep_returns(&mut self, is_enrolled: impl Fn(PersonId) -> bool) {
        for standing in self.places.values_mut() {
            standing.returning.take_if(|(returning, _)| !is_enrolled(returning.person));
        }
    }

    /// What an agent reported. `has_memory` is whether an artifact of a run is one of which more is kept: those that
    /// older programs asked for leave the state as they left it then.
    pub(crate) fn reported(
        &mut self,
        event: &Reported,
        entry: u64,
        status: u64,
        has_memory: impl Fn(RunId, &Digest) -> bool,
    ) -> bool {
        let standing = self.standing(&event.place);
        let open = standing.open.take_if(|open| open.facts.release == event.release);
        let returning = standing.returning.take_if(|(returning, _)| returning.release == event.release);
        let open_memory = open.as_ref().filter(|open| has_memory(open.facts.run, &open.facts.artifact));
        if let Some(open) =
            open_memory.filter(|_| event.outcome == Outcome::Refused && is_frozen(&event.reasons))
        {
            let Proposed { place, artifact, run, .. } = open.facts.clone();
            standing.frozen = Some((Wanted { place, artifact, run }, status));
        }
        let statement = match (open_memory, &returning) {
            (Some(open), _) => Some(open.facts.statement),
            (None, Some(_)) => standing.before.as_ref().and_then(|before| before.statement),
            (None, None) => None,
        };
        if let Some((returning, _)) = returning.as_ref().filter(|_| event.outcome == Outcome::Running) {
            standing.rolled_back(returning);
        }
        if let (Some(highest), Outcome::Refused, Some(open)) = (event.highest, event.outcome, &open) {
            // A restored ledger gave it a number that the agent has seen: it is wanted under the next one.
            standing.highest = standing.highest.max(highest);
            let Proposed { place, artifact, run, .. } = open.facts.clone();
            standing.wanted = Some(Wanted { place, artifact, run });
        }
        standing.reported = Some((event.envelope, entry));
        let run = match (&open, &returning) {
            (Some(open), _) => Some(open.facts.run),
            (None, Some(_)) => standing.before.as_ref().map(|before| before.run),
            (None, None) => None,
        };
        let now = event.running.as_ref().zip(run).map(|(running, run)| Current {
            artifact: running.artifact,
            commit: running.commit.clone(),
            release: event.release,
            run,
            statement,
        });
        let changed =
            now.as_ref().map(|now| now.artifact) != standing.running.as_ref().map(|running| running.artifact);
        if event.outcome == Outcome::Running && changed {
            standing.before = standing.running.take();
        }
        if changed || event.outcome == Outcome::Running {
            standing.running = now;
        }
        open.is_some() || returning.is_some()
    }

    fn stage(&mut self, place: &Place, release: u64, stage: Stage) -> bool {
        let Some(open) = self.open(place, release) else { return false };
        open.stage = stage;
        true
    }

    fn open(&mut self, place: &Place, release: u64) -> Option<&mut Open> {
        let open = self.places.get_mut(place)?.open.as_mut()?;
        (open.facts.release == release).then_some(open)
    }

    fn standing(&mut self, place: &Place) -> &mut Standing {
        self.places.entry(place.clone()).or_default()
    }
}

impl Standing {
    /// Whether a new release may take the place of the open one: not while that is judged or applied.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let open = self.open.as_ref().is_none_or(|open| matches!(open.stage, Stage::Proposed | Stage::Held));
        open && self.returning.is_none()
    }

    /// Whether a person rolled an artifact back here, and nobody has asked for it again.
    #[must_use]
    pub fn bars(&self, artifact: &Digest) -> bool {
        self.bar(artifact).is_some()
    }

    /// The rollback of an artifact that holds here.
    pub(super) fn bar(&self, artifact: &Digest) -> Option<&RolledBack> {
        self.rolled_back.iter().find(|bar| bar.artifact == *artifact)
    }

    /// Whether something here can be tried again under a status of this number, when that does not freeze the place.
    #[must_use]
    pub fn waits_for_thaw(&self, status: u64) -> bool {
        match (&self.open, &self.frozen) {
            // What a rollback took away during the freeze does not come back by its end.
            (Some(open), _) if self.bars(&open.facts.artifact) => false,
            (None, Some((wanted, _))) if self.bars(&wanted.artifact) => false,
            (Some(open), _) => open.frozen && open.stage == Stage::Held,
            // An agent may know of a freeze that the ledger does not: it is not asked again in vain.
            (None, Some((_, refused))) => *refused < status && self.is_free(),
            (None, None) => false,
        }
    }

    /// Pins what a rollback brought: what it replaced, or is wanted of it still, does not come back by itself.
    fn rolled_back(&mut self, returning: &Returning) {
        let Some(from) = returning.from else { return };
        let Some(running) = self.running.as_ref().filter(|running| running.artifact == from) else { return };
        self.rolled_back.retain(|bar| bar.artifact != from);
        self.rolled_back.push(RolledBack {
            artifact: from,
            commit: running.commit.clone(),
            release: running.release,
            by: returning.release,
            person: returning.person,
        });
        if self.rolled_back.len() > ROLLED_BACK_MAX {
            self.rolled_back.remove(0);
        }
        self.wanted.take_if(|wanted| wanted.artifact == from);
    }
}

/// Whether a freeze is among what is against a release.
pub(crate) fn is_frozen(reasons: &[String]) -> bool {
    reasons.iter().any(|code| code == FROZEN)
}

/// Code by which gates and agents say that a place is frozen.
const FROZEN: &str = "frozen";
/// Most artifacts that stay rolled back at a place; the oldest one is forgotten.
const ROLLED_BACK_MAX: usize = 64;
