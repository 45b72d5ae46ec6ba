//! The fold of releases: the state of each place.
//!
//! Invariant: a place has at most one pending release and one unfinished rollback, and its history is bounded by
//! `EARLIER_MAX` and `ROLLED_BACK_MAX`. Release numbers of a place only rise.

use std::collections::BTreeMap;

use evidence::report::ReleaseOutcome;
use evidence::{CommitId, Digest, Moment, Name};
use serde::{Deserialize, Serialize};

use super::event::{
    AdvanceRequested, Held, Promoted, Proposed, Reported, RollbackRequested, Unplannable, Wanted,
};
use super::shared::{Done, Retreat};
use crate::ids::{PersonId, RunId};
use evidence::Place;

/// Releases as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) places: BTreeMap<Place, PlaceState>,
    /// Highest number of a release at a preview that was removed: another one of its name goes on above it. Absent at first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) above: u64,
}

/// The state of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceState {
    /// Highest release number used.
    pub highest: u64,
    /// The artifact that is wanted next and has no plan yet.
    pub wanted: Option<Wanted>,
    /// The pending release.
    pub open: Option<Open>,
    /// A rollback that the agent has not reported yet, and the number of its entry.
    pub returning: Option<(RollbackRequested, u64)>,
    /// The running artifact, as the agent reported it.
    pub running: Option<Current>,
    /// The artifact that ran directly before.
    pub before: Option<Current>,
    /// Artifacts that ran before `before`, the latest first. Artifacts that were rolled back are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Current>,
    /// Number of the last rollback that was carried out. Absent for rollbacks of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<u64>,
    /// Digest of the envelope of the agent's last report, and the number of its entry.
    pub reported: Option<(Digest, u64)>,
    /// Artifacts that people rolled back here. The flow does not propose them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rolled_back: Vec<RolledBack>,
    /// The artifact that the agent refused because of a freeze, and the number of the status in force then. It is
    /// wanted again under a later status that no longer freezes the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<(Wanted, u64)>,
    /// The artifact that the agent refused because it came at the wrong time. It is wanted again when the time has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untimely: Option<(Wanted, TimeHold)>,
    /// Agents that have not reported the unfinished rollback; empty if the place has one agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<Name>,
    /// Reports of the agents that run what the place runs; empty if the place has one agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Done>,
    /// A release that did not work at one of several agents, while others have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retreat: Option<Retreat>,
}

/// A hold that ends with time: outside the windows of a place, or before the end of its soak time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeHold {
    /// Number of the entry that holds it.
    pub entry: u64,
    /// Time of that entry.
    pub moment: Moment,
}

/// An artifact that a person rolled back at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledBack {
    /// The artifact.
    pub artifact: Digest,
    /// Commit of the artifact.
    pub commit: CommitId,
    /// Number of the release that brought the artifact.
    pub release: u64,
    /// Number of the rollback.
    pub by: u64,
    /// The person who asked for the rollback.
    pub person: PersonId,
}

/// A pending release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Facts of the proposal.
    pub facts: Proposed,
    /// Number of the entry that proposed it.
    pub entry: u64,
    /// Stage that the release has reached.
    pub stage: Stage,
    /// The person's request to go ahead, and the number of its entry.
    pub promoted: Option<(Promoted, u64)>,
    /// Whether the gate did not pass because the place was frozen. The release is judged again after the freeze.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// The verdict that came at the wrong time. The release is judged again when the time has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untimely: Option<TimeHold>,
    /// A person's newest order about its rollout, and the number of its entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advance: Option<(AdvanceRequested, u64)>,
    /// Agents that have not reported it, in their order; empty if the place has one agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Name>,
    /// Agents that run it, while it goes on to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Done>,
}

/// Stages of a pending release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The release waits for a person.
    Proposed,
    /// Its gate is being judged.
    Judging,
    /// Its gate did not pass.
    Held,
    /// The release is due at the agent, with this bundle.
    Due(Digest),
}

/// A running artifact at a place.
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
    /// Number of the environment statement under which it was planned. Absent for requests of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<u64>,
}

impl State {
    /// The state of a place.
    #[must_use]
    pub fn at(&self, place: &Place) -> Option<&PlaceState> {
        self.places.get(place)
    }

    /// All places that ever had a release.
    pub fn places(&self) -> impl Iterator<Item = (&Place, &PlaceState)> {
        self.places.iter()
    }

    /// Runs whose artifacts are wanted, pending or running, or can be rolled back to.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RunId> {
        self.places.values().flat_map(|standing| {
            let wanted = standing.wanted.as_ref().map(|wanted| wanted.run);
            let open = standing.open.as_ref().map(|open| open.facts.run);
            let running = standing.running.as_ref().map(|running| running.run);
            let before = standing.before.as_ref().map(|before| before.run);
            let frozen = standing.frozen.as_ref().map(|(wanted, _)| wanted.run);
            let untimely = standing.untimely.as_ref().map(|(wanted, _)| wanted.run);
            let earlier = standing.earlier.iter().map(|earlier| earlier.run);
            [wanted, open, running, before, frozen, untimely].into_iter().flatten().chain(earlier)
        })
    }

    pub(crate) fn wanted(&mut self, event: &Wanted) -> bool {
        let standing = self.standing(&event.place);
        standing.wanted = Some(event.clone());
        (standing.frozen, standing.untimely) = (None, None);
        // An artifact that was rolled back is wanted again only because a person asked for it.
        standing.rolled_back.retain(|bar| bar.artifact != event.artifact);
        true
    }

    /// Forgets a preview that its agent has removed.
    pub(crate) fn forget(&mut self, place: &Place) {
        let highest = self.places.remove(place).map_or(0, |standing| standing.highest);
        self.above = self.above.max(highest);
    }

    pub(crate) fn unplannable(&mut self, event: &Unplannable) -> bool {
        self.standing(&event.place).wanted.take().is_some()
    }

    pub(crate) fn proposed(&mut self, event: &Proposed, entry: u64) -> bool {
        let standing = self.standing(&event.place);
        let rises = event.release > standing.highest;
        standing.highest = standing.highest.max(event.release);
        (standing.wanted, standing.frozen, standing.untimely) = (None, None, None);
        let (facts, stage) = (event.clone(), Stage::Proposed);
        standing.open = Some(Open {
            facts,
            entry,
            stage,
            promoted: None,
            frozen: false,
            untimely: None,
            advance: None,
            turns: Vec::new(),
            done: Vec::new(),
        });
        rises
    }

    pub(crate) fn promoted(&mut self, event: &Promoted, entry: u64) -> bool {
        let Some(open) = self.open(&event.place, event.release) else { return false };
        open.promoted = Some((event.clone(), entry));
        true
    }

    pub(crate) fn advanced(&mut self, event: &AdvanceRequested, entry: u64) -> bool {
        let Some(open) = self.open(&event.place, event.release) else { return false };
        open.advance = Some((event.clone(), entry));
        true
    }

    pub(crate) fn judging(&mut self, place: &Place, release: u64) -> bool {
        if let Some(open) = self.open(place, release) {
            (open.frozen, open.untimely) = (false, None);
        }
        self.stage(place, release, Stage::Judging)
    }

    /// Notes that the gate did not pass because the place is frozen.
    pub(crate) fn frozen(&mut self, place: &Place, release: u64) {
        if let Some(open) = self.open(place, release) {
            open.frozen = true;
        }
    }

    /// Notes that the gate did not pass because of the time.
    pub(crate) fn untimely(&mut self, place: &Place, release: u64, hold: TimeHold) {
        if let Some(open) = self.open(place, release) {
            open.untimely = Some(hold);
        }
    }

    pub(crate) fn held(&mut self, event: &Held) -> bool {
        self.stage(&event.place, event.release, Stage::Held)
    }

    /// Takes a rollback, which waits for these agents of the place.
    pub(crate) fn returning(&mut self, event: &RollbackRequested, entry: u64, agents: &[Name]) -> bool {
        self.awaits(event, agents);
        let standing = self.standing(&event.place);
        let rises = event.release > standing.highest;
        standing.highest = standing.highest.max(event.release);
        standing.returning = Some((event.clone(), entry));
        if event.course.is_some() {
            // The agent may be working on a due release, so it stays until the agent has reported. Everything else
            // ends.
            standing.open.take_if(|open| !matches!(open.stage, Stage::Due(_)));
            (standing.wanted, standing.frozen, standing.untimely) = (None, None, None);
        }
        rises
    }

    /// Drops rollbacks by people whose enrolment was withdrawn: no agent would carry them out, and they would block the
    /// place. The release that such a rollback ended is still not handed out again.
    pub(crate) fn keep_returns(&mut self, is_enrolled: impl Fn(PersonId) -> bool) {
        for standing in self.places.values_mut() {
            standing.take_returning(|returning| !is_enrolled(returning.person));
        }
    }

    /// Applies an agent's report.
    ///
    /// `has_memory` says whether the state keeps the full history of an artifact. Artifacts of older programs must
    /// leave the same state as those programs left, so that their ledgers replay.
    pub(crate) fn reported(
        &mut self,
        event: &Reported,
        hold: TimeHold,
        status: u64,
        has_memory: impl Fn(RunId, &Digest) -> bool,
    ) -> bool {
        let (entry, standing) = (hold.entry, self.standing(&event.place));
        if let Some(part) = &event.part {
            return standing.took_part(event, part, entry);
        }
        // A release that one of several agents did not bring up leaves the place as it was.
        let is_shared = standing.is_shared(event.release);
        let open = standing.open.take_if(|open| open.facts.release == event.release);
        let (returning, ended) =
            standing.take_returning(|returning| returning.release == event.release).unzip();
        let ended = ended.flatten();
        let open_memory = open.as_ref().filter(|open| has_memory(open.facts.run, &open.facts.artifact));
        // A release that a rollback ends is not wanted again, even if the rollback fails.
        let is_ended = standing.is_left();
        let frozen =
            open_memory.filter(|_| event.outcome == ReleaseOutcome::Refused && is_frozen(&event.reasons));
        if let Some(open) = frozen.filter(|_| !is_ended) {
            standing.frozen = Some((open.facts.wanted(), status));
        }
        let is_untimely = event.outcome == ReleaseOutcome::Refused && is_untimely(&event.reasons);
        if let Some(open) = open.as_ref().filter(|_| is_untimely && !is_ended) {
            standing.untimely = Some((open.facts.wanted(), hold));
        }
        if let Some(returning) = returning.as_ref().filter(|_| event.outcome == ReleaseOutcome::Running) {
            standing.rolled_back(returning);
        }
        if let (Some(highest), ReleaseOutcome::Refused, Some(open)) = (event.highest, event.outcome, &open) {
            // A restored ledger reused a number that the agent has already seen, so the artifact is wanted under a new
            // one.
            standing.highest = standing.highest.max(highest);
            standing.wanted = Some(open.facts.wanted()).filter(|_| !is_ended);
        }
        if let Some(open) = &open {
            standing.retreats(open, event);
        }
        let fits = open.is_some() || returning.is_some();
        if is_shared && event.outcome != ReleaseOutcome::Running {
            return fits;
        }
        standing.reported = Some((event.envelope, entry));
        // An agent that never reported the ended release may still run it.
        let brought = event.running.as_ref().and_then(|running| {
            let facts = ended.as_ref().map(|open| &open.facts);
            facts.filter(|facts| facts.artifact == running.artifact)
        });
        let came = match (&open, returning.as_ref().map(|returning| returning.course.as_ref())) {
            (Some(open), _) => Some((open.facts.run, open_memory.map(|open| open.facts.statement))),
            (None, Some(Some(_))) if brought.is_some() => {
                brought.map(|facts| (facts.run, Some(facts.statement)))
            }
            (None, Some(Some(course))) => Some((course.run, course.statement)),
            (None, Some(None)) => standing.before.as_ref().map(|before| (before.run, before.statement)),
            (None, None) => None,
        };
        let now = event.running.as_ref().zip(came).map(|(running, (run, statement))| Current {
            artifact: running.artifact,
            commit: running.commit.clone(),
            release: event.release,
            run,
            statement,
        });
        if is_shared {
            standing.holds(event, open.map(|open| open.done), entry);
        } else {
            standing.holders.clear();
        }
        standing.runs(now, event.outcome);
        fits
    }

    pub(super) fn stage(&mut self, place: &Place, release: u64, stage: Stage) -> bool {
        let Some(open) = self.open(place, release) else { return false };
        open.stage = stage;
        true
    }

    pub(super) fn open(&mut self, place: &Place, release: u64) -> Option<&mut Open> {
        let open = self.places.get_mut(place)?.open.as_mut()?;
        (open.facts.release == release).then_some(open)
    }

    pub(super) fn standing(&mut self, place: &Place) -> &mut PlaceState {
        let new = || PlaceState { highest: self.above, ..PlaceState::default() };
        self.places.entry(place.clone()).or_insert_with(new)
    }
}

impl PlaceState {
    /// Whether a new release may replace the pending one. Not while that one is being judged or applied, or agents go back.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.under_way().is_none() && self.returning.is_none() && self.retreat.is_none()
    }

    /// The release that is being judged or applied.
    #[must_use]
    pub fn under_way(&self) -> Option<&Open> {
        self.open.as_ref().filter(|open| matches!(open.stage, Stage::Judging | Stage::Due(_)))
    }

    /// Whether an unfinished rollback ends everything else at the place.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.returning.as_ref().is_some_and(|(returning, _)| returning.course.is_some())
    }

    /// Whether something here can be tried again under the status of this number, if that status does not freeze the
    /// place.
    #[must_use]
    pub fn waits_for_thaw(&self, status: u64) -> bool {
        match (&self.open, &self.frozen) {
            // A release that was rolled back during the freeze does not come back at its end.
            (Some(open), _) if self.bars(&open.facts.artifact) => false,
            (None, Some((wanted, _))) if self.bars(&wanted.artifact) => false,
            (Some(open), _) => open.frozen && open.stage == Stage::Held,
            // An agent may know a freeze that the ledger does not contain. So the agent is asked again only under a
            // newer status.
            (None, Some((_, refused))) => *refused < status && self.is_free(),
            (None, None) => false,
        }
    }

    /// The hold of what is tried again here when its time has come, if nothing else stops it.
    #[must_use]
    pub fn waits_for_time(&self) -> Option<TimeHold> {
        match (&self.open, &self.untimely) {
            (Some(open), _) if self.bars(&open.facts.artifact) || open.stage != Stage::Held => None,
            (Some(open), _) => open.untimely,
            (None, Some((wanted, _))) if self.bars(&wanted.artifact) || !self.is_free() => None,
            (None, Some((_, hold))) => Some(*hold),
            (None, None) => None,
        }
    }

    /// Removes the rollback that matches, together with the release under way that it ends. Even if the rollback
    /// failed, the agent is not given that release again.
    pub(super) fn take_returning(
        &mut self,
        which: impl Fn(&RollbackRequested) -> bool,
    ) -> Option<(RollbackRequested, Option<Open>)> {
        let (returning, _) = self.returning.take_if(|(returning, _)| which(returning))?;
        self.awaited.clear();
        let ends = returning.course.as_ref().and_then(|course| course.ends);
        let ended = self.open.take_if(|open| Some(open.facts.release) == ends);
        Some((returning, ended))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Whether a freeze is among the reasons against a release.
pub(crate) fn is_frozen(reasons: &[String]) -> bool {
    reasons.iter().any(|code| code == FROZEN)
}

/// Whether the wrong time is among the reasons against a release.
pub(crate) fn is_untimely(reasons: &[String]) -> bool {
    reasons.iter().any(|code| UNTIMELY.contains(&code.as_str()))
}

/// Codes with which gates and agents report that a release comes at the wrong time. Nobody has to do anything: it is tried
/// again.
pub const UNTIMELY: [&str; 3] = ["soaking", "window-closed", "window-unsure"];
/// Code with which agents report that a release came back and does not pass by what is newest: people have to look at it.
pub const DUE_FOR_REVIEW: &str = "due-for-review";
/// Code with which gates and agents report that a place is frozen.
pub const FROZEN: &str = "frozen";
/// Code with which agents report that numbers or probes ended a rollout.
pub const ROLLOUT_FAILED: &str = "rollout-failed";
/// Code with which agents report that a rollout was ended before its numbers decided.
pub const ROLLOUT_INTERRUPTED: &str = "rollout-interrupted";
