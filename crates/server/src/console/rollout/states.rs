//! States of a rollout and of its verdicts, as badges and words.

use evidence::Moment;
use evidence::observations::{RolloutEnd, VerdictOfStep};
use web::model::{Badge, SheetCell, State};

use super::shown::{Shown, Verdict};
use crate::console::reading::time;
use crate::console::words::badge;

/// Its state, and how it stands in words.
pub fn state(shown: &Shown) -> (Badge, String) {
    match (shown.end(), &shown.now, shown.seen.last()) {
        (Some(RolloutEnd::Done), ..) => {
            (badge(State::Pass, "done"), "its numbers held, and it has all requests".to_owned())
        }
        (Some(RolloutEnd::Failed), ..) => {
            (badge(State::Stop, "failed"), "it failed its judgement and went back".to_owned())
        }
        (Some(RolloutEnd::Interrupted), ..) => {
            (badge(State::Quiet, "interrupted"), "it was ended before its numbers decided".to_owned())
        }
        (None, Some(now), _) => (verdict_badge(now.verdict()), now.sentence()),
        (None, None, Some(seen)) => (badge(State::Busy, "under way"), observed_words(seen)),
        (None, None, None) if shown.is_reported => {
            (badge(State::Quiet, "no steps"), "nothing ran before it, so it took no steps".to_owned())
        }
        (None, None, None) => {
            (badge(State::Quiet, "not begun"), "its agent has observed nothing yet".to_owned())
        }
    }
}

fn observed_words(seen: &Verdict) -> String {
    let verdict = &seen.verdict;
    format!("step {} with {}% of the requests was observed last", verdict.step + 1, verdict.percent)
}

/// A verdict as a badge.
pub fn verdict_badge(verdict: VerdictOfStep) -> Badge {
    match verdict {
        VerdictOfStep::Go => badge(State::Pass, "passed"),
        VerdictOfStep::Wait => badge(State::Busy, "watched"),
        VerdictOfStep::Stop => badge(State::Stop, "stopped"),
        VerdictOfStep::Undecided => badge(State::Wait, "undecided"),
    }
}

/// A moment in a cell.
pub fn moment_cell(moment: Moment) -> SheetCell {
    SheetCell { time: Some(time(moment)), ..SheetCell::default() }
}
