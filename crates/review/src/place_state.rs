//! How the service of a place does, from the server's view of the place.
//!
//! Invariant: a report of an agent is information for people; nothing here is proven.

use wire::{LastOutcome, PlaceView, ReleaseKind, ReleaseStage, WorkState};

use crate::outcome;

/// The state of a service at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceState {
    /// Nothing has run there.
    Nothing,
    /// The newest release did not work, and nothing runs.
    Failed,
    /// The service is down.
    Down,
    /// No agent of the place has asked for work for long.
    Silent,
    /// A check of the running release failed.
    ChecksFailed,
    /// Checks of the running release were lost with their runner, so nobody knows how it does.
    ChecksLost,
    /// The newest release did not work, or a person rolled it back; the release before it runs.
    RolledBack,
    /// A release starts.
    RollingOut,
    /// A rollback is on its way.
    RollingBack,
    /// A release runs, and the place is frozen.
    Frozen,
    /// Checks of the running release are due.
    Checking,
    /// A release runs.
    Healthy,
}

impl PlaceState {
    /// The state of the service of a place.
    #[must_use]
    pub fn of(view: &PlaceView) -> Self {
        let is_due = view.open.as_ref().is_some_and(|open| open.stage == ReleaseStage::Due);
        let checks = |state| view.checks.iter().any(|check| check.state == state);
        let service = view.service.as_ref();
        let is_silent = !view.agents.is_empty() && view.agents.iter().all(outcome::is_gone);
        if is_silent && (view.running.is_some() || is_due) {
            return Self::Silent;
        }
        if view.rollback.is_some() {
            return Self::RollingBack;
        }
        if is_due || service.is_some_and(|service| service.probing.is_some()) {
            return Self::RollingOut;
        }
        if view.running.is_none() {
            let outcome = view.last.as_ref().map(|last| last.outcome);
            return if outcome == Some(LastOutcome::Failed) { Self::Failed } else { Self::Nothing };
        }
        if service.is_some_and(|service| service.down.is_some()) {
            return Self::Down;
        }
        if checks(WorkState::Failed) {
            return Self::ChecksFailed;
        }
        let ended = view.releases.iter().find(|release| has_ended(release.stage));
        match ended.map(|release| (release.kind, release.stage)) {
            Some((_, ReleaseStage::Returned) | (ReleaseKind::Rollback, ReleaseStage::Running)) => {
                Self::RolledBack
            }
            _ if checks(WorkState::Lost) => Self::ChecksLost,
            _ if view.frozen => Self::Frozen,
            _ if checks(WorkState::Due) => Self::Checking,
            _ => Self::Healthy,
        }
    }

    /// The state in words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing runs",
            Self::Failed => "failed",
            Self::Down => "down",
            Self::Silent => "agent is silent",
            Self::ChecksFailed => "checks failed",
            Self::ChecksLost => "checks lost",
            Self::RolledBack => "rolled back",
            Self::RollingOut => "rolling out",
            Self::RollingBack => "rolling back",
            Self::Frozen => "frozen",
            Self::Checking => "being checked",
            Self::Healthy => "healthy",
        }
    }

    /// Whether people should look at the service. A place to which the release before came back works.
    #[must_use]
    pub const fn is_unhealthy(self) -> bool {
        matches!(self, Self::Failed | Self::Down | Self::Silent | Self::ChecksFailed)
    }
}

/// Whether an agent has reported the release.
const fn has_ended(stage: ReleaseStage) -> bool {
    matches!(stage, ReleaseStage::Running | ReleaseStage::Returned | ReleaseStage::Failed)
}

#[cfg(test)]
pub(crate) mod tests;
