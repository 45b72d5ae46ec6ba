//! A release with everything that its page is made of, and its state in words.

use std::sync::Arc;

use domain::State;
use review::ids::short;
use review::release_words;
use web::model;
use wire::{ReleaseKind, ReleaseStage, ReleaseView};

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
    /// Its judgement; `None` before the first one.
    pub judged: Option<Arc<Judged>>,
}

impl<'a> Seen<'a> {
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
        Ok(Self { at, state, view, run, is_pending: is_open, is_current, judged })
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
            None => settled_badge(&self.view, self.is_current),
        }
    }

    /// Number of the rollback that took the release back.
    pub fn rolled_back_by(&self) -> Option<u64> {
        let standing = self.state.release.at(&self.view.place)?;
        let bar = standing.rolled_back.iter().find(|bar| Some(bar.release) == self.view.release)?;
        Some(bar.by)
    }

    /// Facts of the line below the title.
    pub fn sub(&self, events: &Events) -> Result<Vec<String>, Failure> {
        let requester = self.run.as_ref().and_then(|run| run.requester);
        let mut sub: Vec<String> = Vec::new();
        sub.extend(requester.map(|by| format!("run asked for by {}", person(self.at.shared, by))));
        sub.extend(events.promoted_by().map(|by| format!("promoted by {}", person(self.at.shared, by))));
        let number = self.view.release.unwrap_or_default();
        let before = self.at.shared.views.ask(|rows| releases::replaced_by(rows, &self.view.place, number));
        let before = before.map_err(Failure::failed)?.and_then(|before| before.release);
        sub.extend(before.map(|before| match self.view.kind {
            ReleaseKind::Release => format!("replaces release {before}"),
            ReleaseKind::Rollback => format!("takes back release {before}"),
        }));
        sub.extend(self.rolled_back_by().map(|by| format!("rolled back by rollback {by}")));
        sub.extend(self.view.by_rollback.map(|by| format!("ended by rollback {by}")));
        let other = self.view.by.filter(|by| *by != self.view.run);
        sub.extend(other.map(|by| format!("replaced by run {}", short(&by.to_string()))));
        Ok(sub)
    }
}

/// The state of a release with its word, as the views have it.
pub fn settled_badge(view: &ReleaseView, is_current: bool) -> model::Badge {
    let state = match view.stage {
        ReleaseStage::Running if is_current || view.kind == ReleaseKind::Rollback => model::State::Pass,
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
