//! A rollout as its agent measures it now: the step, the arithmetic of its verdict, and curves of both releases.
//!
//! Invariant: information for people, told with the state of the service. None of it is signed or recorded, and no decision uses
//! it: the verdicts that count are observations. The number of points is bounded.

use domain::Reason;
use evidence::observations::{RolloutEnd, VerdictOfStep};
use evidence::rollout_counts::Counts;
use evidence::rollout_measure::Measure;
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

/// Highest number of points of a curve.
pub const CURVE_POINTS_MAX: usize = 64;

/// A rollout as its agent measures it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutNow {
    /// Number of the release.
    pub release: u64,
    /// Its plan.
    pub plan: Digest,
    /// When this was measured, by the agent's clock.
    pub at: Moment,
    /// The step in force, counted from 1.
    pub step: u32,
    /// Share of the requests in percent.
    pub percent: u8,
    /// When the step began, or was resumed.
    pub since: Moment,
    /// Why the step is in force.
    pub hold: RolloutHold,
    /// The rest of its pause, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<u64>,
    /// Everything that is missing, or why the next step may not begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The agent's own probes of the new release; absent before they answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<bool>,
    /// How the rollout ended; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RolloutEnd>,
    /// The agent's answer to the newest order of a person; absent if it judged none since it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderAnswer>,
    /// Each number beside its limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// Points over time, the oldest first, since the rollout began or its agent was started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
}

/// An order of a person about a rollout, as its agent judged it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// Digest of the envelope of the signed request.
    pub request: Digest,
    /// When the agent judged it, by its clock.
    pub at: Moment,
    /// Why it changes nothing; empty if the agent carried it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Reason>,
}

/// Why a step is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutHold {
    /// Nothing was measured yet.
    Measures,
    /// Its pause is not over.
    Waits,
    /// The evidence is too little to decide.
    Undecided,
    /// A person paused the rollout.
    Paused,
    /// It passed, and a person has to ask for the next one.
    Asks,
    /// It passed, and the next one may not begin yet.
    Refused,
}

/// Both releases over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// When it began.
    pub at: Moment,
    /// Its length in milliseconds.
    pub for_ms: u64,
    /// The release before: all of its processes.
    pub old: CurveFigures,
    /// The new release.
    pub new: CurveFigures,
}

/// Figures of a release over a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveFigures {
    /// Requests that ended.
    pub requests: u64,
    /// Those that the service failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors: u64,
    /// Time within which half of them were answered, in microseconds; absent without answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// Time within which 99 percent were answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
}

impl CurveFigures {
    /// The figures of counts.
    #[must_use]
    pub fn of(counts: &Counts) -> Self {
        Self {
            requests: counts.requests,
            errors: counts.errors,
            p50_us: counts.latency.quantile(500_000),
            p99_us: counts.latency.quantile(990_000),
        }
    }
}

impl RolloutHold {
    /// In words, as the rest of a sentence about the step.
    #[must_use]
    pub const fn as_words(self) -> &'static str {
        match self {
            Self::Measures => "is measured",
            Self::Waits => "is watched",
            Self::Undecided => "is undecided",
            Self::Paused => "is paused",
            Self::Asks => "passed and waits for a person",
            Self::Refused => "passed, and the next one may not begin yet",
        }
    }
}

impl RolloutNow {
    /// The verdict about the step.
    #[must_use]
    pub const fn verdict(&self) -> VerdictOfStep {
        match (self.end, self.hold) {
            (Some(RolloutEnd::Done), _) | (None, RolloutHold::Asks | RolloutHold::Refused) => {
                VerdictOfStep::Go
            }
            (Some(RolloutEnd::Failed), _) => VerdictOfStep::Stop,
            (Some(RolloutEnd::Interrupted), _) | (None, RolloutHold::Undecided) => VerdictOfStep::Undecided,
            (None, RolloutHold::Measures | RolloutHold::Waits | RolloutHold::Paused) => VerdictOfStep::Wait,
        }
    }

    /// Whether the step passed and waits until a person asks for the next one.
    #[must_use]
    pub const fn waits_for_person(&self) -> bool {
        self.end.is_none() && matches!(self.hold, RolloutHold::Asks)
    }

    /// How far it is, as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (step, percent) = (self.step, self.percent);
        match self.end {
            Some(end) => format!("{} at step {step} with {percent}% of the requests", end.as_str()),
            None => {
                let left = self.left_ms.map(|left| format!(" for {} s more", left.div_ceil(1_000)));
                format!(
                    "step {step} with {percent}% of the requests {}{}",
                    self.hold.as_words(),
                    left.unwrap_or_default()
                )
            }
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
