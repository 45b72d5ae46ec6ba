//! A release with everything that its page is made of, and its state in words.

use std::sync::Arc;

use domain::State;
use domain::gate::GateOutcome;
use evidence::Place;
use review::ids::short;
use review::release_words;
use web::model;
use wire::{ReleaseKind, ReleaseStage, ReleaseView};

use super::rollback::Rollback;
use super::timeline::Events;
use crate::console::judged;
use crate::console::judgement::{Judged, Proven};
use crate::console::pending::{PendingWords, words_of};
use crate::console::reading::Reading;
use crate::console::words::{badge, person};
use crate::http::problem::Failure;
use crate::views::releases;
use crate::views::runs::RunRow;

/// A release with everything that its page is made of.
#[derive(Debug)]
pub struct Seen<'a> {
    pub at: &'a Reading<'a>,
    pub state: &'a State,
    pub view: ReleaseView,
    pub run: Option<RunRow>,
    /// Whether it is the pending release of its place.
    pub is_pending: bool,
    /// Whether it runs.
    pub is_current: bool,
    /// The rollback that it is, or that took it back.
    pub rollback: Option<Rollback>,
    /// Its judgement; `None` before the first one.
    pub judged: Option<Arc<Judged>>,
}

impl<'a> Seen<'a> {
    /// Whether a step of its rollout passed and waits for a person, as its agent tells.
    pub fn waits_for_person(&self) -> bool {
        let told = self.at.shared.services.view(&self.view.place).and_then(|service| service.rollout);
        told.is_some_and(|now| Some(now.release) == self.view.release && now.waits_for_person())
    }

    pub fn of(
        at: &'a Reading<'a>,
        state: &'a State,
        view: ReleaseView,
        run: Option<RunRow>,
        events: &Events,
    ) -> Result<Self, Failure> {
        let standing = state.release.at(&view.place);
        let open = standing.and_then(|standing| standing.open.as_ref());
        let is_pending = view.release.is_some() && open.map(|open| open.facts.release) == view.release;
        let running = standing.and_then(|standing| standing.running.as_ref());
        let is_current = view.release.is_some() && running.map(|running| running.release) == view.release;
        let is_open = is_pending && view.stage != ReleaseStage::Due;
        let judged = match (is_open, view.bundle) {
            (true, _) => Some(judged::pending(at.shared, state, &view.place, at.now)?),
            (false, Some(bundle)) => {
                let number = view.release.unwrap_or_default();
                let moment = events.judged_at().unwrap_or(at.now);
                Some(judged::settled(at.shared, &view.place, number, bundle, moment)?)
            }
            (false, None) => None,
        };
        let rollback = match view.kind {
            ReleaseKind::Release => Rollback::of_release(at, state, &view)?,
            ReleaseKind::Rollback => Rollback::of(at, state, &view.place, view.release.unwrap_or_default())?,
        };
        Ok(Self { at, state, view, run, is_pending: is_open, is_current, rollback, judged })
    }

    pub fn proven(&self) -> Option<&Proven> {
        self.judged.as_ref().and_then(|judged| judged.proven.as_ref())
    }

    /// The words of a pending release that people have to act on.
    pub fn words(&self) -> Option<PendingWords> {
        let waits = self.is_pending && matches!(self.view.stage, ReleaseStage::Proposed | ReleaseStage::Held);
        self.judged.as_ref().filter(|_| waits).map(|judged| words_of(&self.view.place, judged))
    }

    pub fn badge(&self, words: Option<&PendingWords>) -> model::Badge {
        if let Some(words) = words {
            return words.badge.clone();
        }
        match self.rolled_back_by() {
            Some(_) => badge(model::State::Stop, "rolled back"),
            None => settled_badge(&self.view, self.is_current, self.is_frozen(&self.view.place)),
        }
    }

    /// Whether the status in force freezes a place.
    pub fn is_frozen(&self, place: &Place) -> bool {
        let mut freezes = self.state.identity.freezes().iter();
        freezes.any(|freeze| freeze.covers(&place.project, &place.service, &place.environment))
    }

    /// Number of the rollback that took the release back.
    pub fn rolled_back_by(&self) -> Option<u64> {
        let back = self.rollback.as_ref().filter(|back| back.is_done() && self.view.by_rollback.is_none());
        back.filter(|_| self.view.kind == ReleaseKind::Release).map(|back| back.number)
    }

    /// Whether it was taken back, as its place has it or as its stage says.
    pub fn is_rolled_back(&self) -> bool {
        self.rolled_back_by().is_some() || self.view.stage == ReleaseStage::RolledBack
    }

    /// The first thing to know about a rollback, or a release that was rolled back; then the release that is newer than it.
    pub fn notice(&self, newer: Option<&model::Fact>) -> Option<model::Notice> {
        let mut notice = self.rollback.as_ref().map(|back| match self.view.kind {
            ReleaseKind::Rollback => back.notice(),
            ReleaseKind::Release => back.notice_of_release(&self.view),
        })?;
        notice.facts.splice(0..0, newer.cloned());
        Some(notice)
    }

    /// Facts of the line below the title.
    pub fn sub(&self, events: &Events) -> Result<Vec<String>, Failure> {
        let mut sub: Vec<String> = Vec::new();
        if self.view.kind == ReleaseKind::Release {
            let requester = self.run.as_ref().and_then(|run| run.requester);
            sub.extend(requester.map(|by| format!("run asked for by {}", person(self.at.shared, by))));
            let promotion = events.promotion();
            sub.extend(promotion.map(|(by, outcome)| promoted(&person(self.at.shared, by), outcome)));
            let number = self.view.release.unwrap_or_default();
            let before =
                self.at.shared.views.ask(|rows| releases::replaced_by(rows, &self.view.place, number));
            let before = before.map_err(Failure::failed)?.and_then(|before| before.release);
            sub.extend(before.map(|before| format!("replaces release {before}")));
        }
        let other = self.view.by.filter(|by| *by != self.view.run);
        sub.extend(other.map(|by| format!("replaced by run {}", short(&by.to_string()))));
        Ok(sub)
    }
}

/// The last promotion in words, by the gate's verdict since then.
fn promoted(by: &str, outcome: Option<GateOutcome>) -> String {
    match outcome {
        None | Some(GateOutcome::Pass) => format!("promoted by {by}"),
        Some(GateOutcome::Fail) => format!("{by}'s promotion was refused by the gate"),
        Some(GateOutcome::Undecided) => format!("the gate could not decide on {by}'s promotion"),
    }
}

/// The state of a release with its word, as the views have it. One that runs at a frozen place is frozen, as on every page.
pub fn settled_badge(view: &ReleaseView, is_current: bool, is_frozen: bool) -> model::Badge {
    let state = match view.stage {
        ReleaseStage::Running if is_current && is_frozen => return badge(model::State::Frozen, "frozen"),
        ReleaseStage::Running if is_current => model::State::Pass,
        ReleaseStage::Running | ReleaseStage::Superseded | ReleaseStage::Dropped => model::State::Quiet,
        ReleaseStage::Wanted | ReleaseStage::Proposed | ReleaseStage::Judging | ReleaseStage::Due => {
            model::State::Busy
        }
        ReleaseStage::Held
        | ReleaseStage::Returned
        | ReleaseStage::Failed
        | ReleaseStage::Refused
        | ReleaseStage::Unplannable
        | ReleaseStage::RolledBack => model::State::Stop,
    };
    badge(state, release_words::word(view, is_current))
}

#[cfg(test)]
mod tests {
    use super::{GateOutcome, promoted};

    #[test]
    fn a_promotion_that_the_gate_refused_does_not_count_as_one() {
        for (outcome, words) in [
            (None, "promoted by Ada"),
            (Some(GateOutcome::Pass), "promoted by Ada"),
            (Some(GateOutcome::Fail), "Ada's promotion was refused by the gate"),
            (Some(GateOutcome::Undecided), "the gate could not decide on Ada's promotion"),
        ] {
            assert_eq!(promoted("Ada", outcome), words);
        }
    }
}
