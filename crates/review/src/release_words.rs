//! A release in words: how far it has come, or how it ended.

use domain::release::{ROLLOUT_FAILED, ROLLOUT_INTERRUPTED};
use wire::{LastOutcome, ReleaseKind, ReleaseStage, ReleaseView};

/// A sentence about how a release ended or why it stopped, which begins with its place.
#[must_use]
pub fn title(release: &ReleaseView) -> String {
    let (place, number) = (&release.place, release.release.unwrap_or_default());
    match (release.stage, release.outcome) {
        (ReleaseStage::Held, Some(LastOutcome::Undecided)) => {
            format!("{place}: no decision about release {number} could be made")
        }
        (ReleaseStage::Held, _) => format!("{place}: the gate does not let release {number} pass"),
        (ReleaseStage::Returned, _) if has(release, ROLLOUT_FAILED) => {
            format!(
                "{place}: release {number} failed its judgement, so the release that ran before has all requests again"
            )
        }
        (ReleaseStage::Returned, _) if has(release, ROLLOUT_INTERRUPTED) => {
            format!(
                "{place}: the rollout of release {number} was ended before its numbers decided, so the release that ran before has \
                 all requests again"
            )
        }
        (ReleaseStage::Returned, _) => {
            format!("{place}: release {number} did not work, so the release that ran before runs again")
        }
        (ReleaseStage::Failed, _) => {
            format!("{place}: release {number} did not work, and nothing runs there now")
        }
        (ReleaseStage::Refused, _) => format!("{place}: the agent refused {} {number}", release.kind),
        (ReleaseStage::Unplannable, _) => format!("{place}: no plan for this release can be made"),
        (ReleaseStage::Superseded, _) if release.by_rollback.is_some() => {
            let rollback = release.by_rollback.unwrap_or_default();
            format!("{place}: rollback {rollback} ended release {number}")
        }
        (other, _) => format!("{place}: {} {number} is {other}", release.kind),
    }
}

fn has(release: &ReleaseView, code: &str) -> bool {
    release.reasons.iter().any(|reason| reason == code)
}

/// How far a release has come, in a word or two.
#[must_use]
pub fn word(release: &ReleaseView, is_current: bool) -> &'static str {
    match (release.stage, release.kind) {
        (ReleaseStage::Wanted, _) => "being planned",
        (ReleaseStage::Proposed, _) => "waits for people",
        (ReleaseStage::Judging, _) => "being judged",
        (ReleaseStage::Held, _) if release.outcome == Some(LastOutcome::Undecided) => "undecided",
        (ReleaseStage::Held, _) => "blocked",
        (ReleaseStage::Due, ReleaseKind::Release) => "rolling out",
        (ReleaseStage::Due, ReleaseKind::Rollback) => "rolling back",
        (ReleaseStage::Running, _) if is_current => "runs",
        (ReleaseStage::Running, _) => "replaced",
        (ReleaseStage::Returned, _) if has(release, ROLLOUT_INTERRUPTED) => "ended early",
        (ReleaseStage::Returned, _) => "did not work",
        (ReleaseStage::Failed, _) => "failed",
        (ReleaseStage::Refused, _) => "refused by its agent",
        (ReleaseStage::Unplannable, _) => "without a plan",
        (ReleaseStage::Superseded, _) if release.by_rollback.is_some() => "ended by a rollback",
        (ReleaseStage::Superseded, _) => "replaced before it ran",
        (ReleaseStage::RolledBack, _) => "rolled back",
        (ReleaseStage::Dropped, _) => "dropped",
    }
}
