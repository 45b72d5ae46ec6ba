//! Rollouts in a deployment plan: the share of requests that a release gets step by step, and the numbers by which it goes
//! on. Format: `docs/formats/plan.md`.
//!
//! Invariant: shares rise to the whole, every list and number has a bound, and numbers are integers. The file does not
//! measure anything.

use serde::{Deserialize, Serialize};

use crate::Name;

/// Highest number of steps.
pub const STEPS_MAX: usize = 16;
/// Highest number of thresholds.
pub const THRESHOLDS_MAX: usize = 32;
/// Longest pause of a step, and longest window of a threshold: a week in milliseconds.
pub const MILLISECONDS_MAX: u64 = 7 * 24 * 3_600_000;

/// A rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Steps, in order. The last one has the whole.
    pub steps: Vec<RolloutStep>,
    /// Numbers that must hold at each step, sorted by their names.
    pub thresholds: Vec<Threshold>,
}

/// A step of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutStep {
    /// Share of requests in percent, 1 to 100.
    pub percent: u8,
    /// Time for which the step is watched, in milliseconds.
    pub pause_ms: u64,
    /// Whether the next step begins by itself. If not, a person's signed request `advance` asks for it.
    pub automatic: bool,
}

/// A number that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Name of the number, for instance `errors` or `latency-p99`.
    pub metric: Name,
    /// Highest value, in millionths of its unit.
    pub at_most: u64,
    /// Time over which it is measured, in milliseconds.
    pub window_ms: u64,
    /// Lowest number of samples; with fewer, nothing can be decided.
    pub samples_min: u64,
}

impl Rollout {
    /// Why the rollout is unsound.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let rising = self.steps.is_sorted_by(|a, b| a.percent < b.percent);
        let whole = self.steps.last().is_some_and(|last| last.percent == 100);
        let first = self.steps.first().is_some_and(|first| first.percent >= 1);
        let bounded = |time: u64| time <= MILLISECONDS_MAX;
        let measured = |one: &Threshold| {
            bounded(one.window_ms) && one.window_ms > 0 && one.samples_min > 0 && one.at_most <= INTEGER_MAX
        };
        let faults = [
            (self.steps.len() <= STEPS_MAX, "a rollout has more than 16 steps"),
            (rising && whole && first, "the steps of a rollout do not rise from at least 1 to 100 percent"),
            (self.steps.iter().all(|step| bounded(step.pause_ms)), "a pause is longer than a week"),
            (self.thresholds.len() <= THRESHOLDS_MAX, "a rollout has more than 32 thresholds"),
            (
                self.thresholds.is_sorted_by(|a, b| a.metric < b.metric),
                "thresholds are not sorted, or a metric stands twice",
            ),
            (
                self.thresholds.iter().all(measured),
                "a threshold has no window, no samples, or a number that is too large",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

/// Largest integer of canonical JSON.
const INTEGER_MAX: u64 = 1 << 53;
