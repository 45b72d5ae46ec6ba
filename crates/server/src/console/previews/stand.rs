//! How a preview stands, in a word, and why.
//!
//! Invariant: a preview that is over is never said to run. One whose agent is gone is said to stay, because only that agent removes it.

use review::outcome::is_gone;
use review::place_state::PlaceState;
use web::model::{Badge, SheetCell, State};
use wire::RunState;

use super::entry::Entry;
use crate::console::board;
use crate::console::words::badge;

/// How a preview stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Its state.
    pub badge: Badge,
    /// Why, each a short text.
    pub notes: Vec<String>,
}

impl Stand {
    /// The cell of a table.
    pub fn cell(self) -> SheetCell {
        SheetCell { badge: Some(self.badge), notes: self.notes, ..SheetCell::default() }
    }

    /// How a preview stands.
    pub fn of(entry: &Entry<'_>) -> Self {
        let made = |state, word: &str, notes: Vec<String>| Self { badge: badge(state, word), notes };
        let one = |note: Option<String>| note.into_iter().collect::<Vec<_>>();
        let is_alone = !entry.view.agents.is_empty() && entry.view.agents.iter().all(is_gone);
        if let Some(why) = entry.ends {
            let why = why.words().to_owned();
            return match is_alone {
                true => made(State::Stop, "not removed", vec![why, "its agent is gone; start it".to_owned()]),
                false => made(State::Busy, "being removed", vec![why]),
            };
        }
        let run = entry.asked.as_ref().and_then(|asked| asked.state);
        if let Some(held) = &entry.held {
            return Self { badge: held.badge.clone(), notes: vec![held.detail.clone()] };
        }
        match run {
            Some(RunState::Running) => return made(State::Busy, "being built", runs(entry)),
            Some(RunState::Failed | RunState::Differed | RunState::Cancelled | RunState::Lost) => {
                let word = format!("run {}", run.map(RunState::name).unwrap_or_default());
                return made(State::Stop, &word, runs(entry));
            }
            Some(RunState::Passed) | None => {}
        }
        let newest = entry.view.releases.first().map(|release| release.stage);
        let state = PlaceState::of(entry.view);
        let (shape, word) = match (newest, state) {
            (Some(wire::ReleaseStage::Refused), _) => (State::Stop, "refused by its agent"),
            (Some(wire::ReleaseStage::Unplannable), _) => (State::Stop, "without a plan"),
            (_, PlaceState::Healthy) => (State::Pass, "runs"),
            (_, PlaceState::Nothing) => (State::Busy, "on its way"),
            (_, other) => (board::shape(other), other.word()),
        };
        let down = entry.view.service.as_ref().and_then(|service| service.down.clone());
        let notes = match shape {
            State::Pass => runs(entry),
            State::Stop => one(down.or_else(|| entry.trouble.clone())),
            _ => one(entry.trouble.clone()),
        };
        made(shape, word, notes)
    }
}

/// The release that runs.
fn runs(entry: &Entry<'_>) -> Vec<String> {
    entry.runs.iter().cloned().collect()
}
