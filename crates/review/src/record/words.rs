//! The state of a release in one sentence, and why it has no evidence.

use evidence::Moment;
use wire::{LastOutcome, ReleaseKind, ReleaseStage, ReleaseView, Replacement};

/// Whether a release runs, and its successor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it runs now.
    pub is_current: bool,
    /// The release or rollback that took its place.
    pub replacement: Option<Replacement>,
}

/// The sentence.
#[must_use]
pub fn sentence(view: &ReleaseView, standing: Standing) -> String {
    let (place, time) = (&view.place, second(view.time));
    let name = match (view.kind, view.release) {
        (ReleaseKind::Release, Some(number)) => format!("Release {number} of {place}"),
        (ReleaseKind::Rollback, Some(number)) => format!("Rollback {number} of {place}"),
        (_, None) => format!("An artifact for {place}, which has no number yet,"),
    };
    let end = match (view.stage, view.kind) {
        (ReleaseStage::Running, ReleaseKind::Rollback) if standing.is_current => {
            format!("is done: the release that it brought back runs since {time}")
        }
        (ReleaseStage::Running, ReleaseKind::Rollback) => {
            format!("was done at {time}; a later release or rollback has replaced it")
        }
        (ReleaseStage::Running, ReleaseKind::Release) if standing.is_current => format!("runs since {time}"),
        (ReleaseStage::Running, ReleaseKind::Release) => match standing.replacement {
            Some(Replacement { kind: ReleaseKind::Rollback, release, time: end }) => {
                format!("ran from {time} to {}, when rollback {release} took it back", second(end))
            }
            Some(Replacement { release, time: end, .. }) => {
                format!("ran from {time} to {}, when release {release} took its place", second(end))
            }
            None => format!("began to run at {time}, and runs no longer"),
        },
        (ReleaseStage::Wanted, _) => "is being planned".to_owned(),
        (ReleaseStage::Proposed, _) => "is pending: it waits for people or for its gate".to_owned(),
        (ReleaseStage::Judging, _) => "is pending: its gate is judging it".to_owned(),
        (ReleaseStage::Held, _) if view.outcome == Some(LastOutcome::Undecided) => {
            "is pending: its gate could not decide".to_owned()
        }
        (ReleaseStage::Held, _) => "is pending: its gate did not let it pass".to_owned(),
        (ReleaseStage::Due, ReleaseKind::Release) => "passed its gate and is due at its agent".to_owned(),
        (ReleaseStage::Due, ReleaseKind::Rollback) => "is due at its agent".to_owned(),
        (ReleaseStage::Returned, _) => {
            format!("did not work at {time}, so the release before it was started again")
        }
        (ReleaseStage::Failed, _) => format!("failed at {time}, and nothing ran afterwards"),
        (ReleaseStage::Refused, _) => format!("was refused by its agent at {time}, and never ran"),
        (ReleaseStage::Unplannable, _) => "never ran: no plan for it could be derived".to_owned(),
        (ReleaseStage::Superseded, _) => match view.by_rollback {
            Some(by) => format!("never ran: rollback {by} ended it"),
            None => "never ran: a later run replaced it".to_owned(),
        },
        (ReleaseStage::RolledBack, _) => "never ran: its artifact was rolled back meanwhile".to_owned(),
        (ReleaseStage::Dropped, _) => "was dropped and never ran".to_owned(),
    };
    format!("{name} {end}")
}

/// A moment for a sentence, to the second.
fn second(moment: Moment) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// Why a release has no evidence, or why the evidence that it has does not hold.
#[must_use]
pub fn missing(view: &ReleaseView, broken: Option<&str>) -> String {
    if let Some(why) = broken {
        return format!("Its evidence does not hold: {why}. Each step is the server's word.");
    }
    let why = match (view.stage, view.kind) {
        (_, ReleaseKind::Rollback) => {
            "no gate judges a rollback, and the evidence of the release that it brought back was not found"
        }
        (ReleaseStage::Wanted | ReleaseStage::Unplannable, _) => "it has no plan, so no gate judged it",
        (ReleaseStage::Proposed | ReleaseStage::Judging | ReleaseStage::Held, _) => {
            "its evidence cannot be collected now"
        }
        _ => "no gate judged it",
    };
    format!("There is no evidence: {why}. Each step is the server's word.")
}
