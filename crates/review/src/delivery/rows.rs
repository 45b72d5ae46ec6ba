//! Rows that figures of delivery are computed from, as the views have them.

use evidence::{Moment, Place};
use wire::{ReleaseKind, ReleaseStage, RunState};

/// A release or rollback that the agent of a last environment reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The place.
    pub place: Place,
    /// Release or rollback.
    pub kind: ReleaseKind,
    /// How it ended: `running`, `returned` or `failed`.
    pub stage: ReleaseStage,
    /// Time of the agent's report.
    pub time: Moment,
    /// Start of the run that built it.
    pub started: Moment,
    /// Time of the request for a rollback.
    pub asked: Option<Moment>,
    /// Whether a gate judged its evidence and let it pass.
    pub has_evidence: bool,
}

/// A run that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its end.
    pub ended: Moment,
    /// Its span in milliseconds.
    pub took_ms: u64,
}

/// Runs that ended in a state, by day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedRuns {
    /// The day, as a moment in it.
    pub day: Moment,
    /// Their state.
    pub state: RunState,
    /// Their number.
    pub runs: u64,
}

/// A release that never ran, with the codes of its last verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The time from which it counts as stopped.
    pub time: Moment,
    /// Codes of the reasons against it.
    pub reasons: Vec<String>,
}

/// All rows of the weeks that are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Deployments to last environments, by place and then by time.
    pub deployments: Vec<Deployment>,
    /// The newest runs of each week that passed.
    pub builds: Vec<Build>,
    /// All runs that ended.
    pub ended: Vec<EndedRuns>,
    /// Releases that never ran.
    pub stopped: Vec<Stopped>,
}
