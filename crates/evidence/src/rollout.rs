//! Rollouts in a deployment plan: the share of requests that a release gets step by step, and the numbers by which it goes
//! on. Format: `docs/formats/plan.md`.
//!
//! Invariant: shares rise to the whole, every list and number has a bound, and numbers are integers. The file does not
//! measure anything.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::rollout_metric::Metric;
use crate::rollout_query::sources_fault;
pub use crate::rollout_query::{QUERIES_MAX, Query, Sources};

/// Highest number of steps.
pub const STEPS_MAX: usize = 32;
/// Highest number of processes of a release.
pub const INSTANCES_MAX: u32 = 32;
/// Highest number of thresholds.
pub const THRESHOLDS_MAX: usize = 32;
/// Longest pause of a step, and longest window of a threshold: a week in milliseconds.
pub const MILLISECONDS_MAX: u64 = 7 * 24 * 3_600_000;
/// Longest time over which an error budget is counted: 90 days in milliseconds.
pub const BUDGET_MS_MAX: u64 = 90 * 24 * 3_600_000;
/// Highest number of pairs of windows of a budget.
pub const BURNS_MAX: usize = 8;
/// Longest name of a cookie or header in bytes.
pub const STICKY_BYTES_MAX: usize = 64;
/// The whole, in millionths.
pub const WHOLE: u64 = 1_000_000;
/// Time in which old requests may end, where a rollout does not say.
pub const DRAIN_MS: u64 = 30_000;
/// Time from the beginning of a step, pause included, after which one that is undecided has failed, where a rollout does not say.
pub const LIMIT_MS: u64 = 3_600_000;

/// How a release takes the place of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Stop the old one, start the new one, probe it, while the port stays open.
    #[default]
    Replace,
    /// One instance after another.
    Rolling,
    /// Start the new one beside the old one, probe it, switch all requests at once; the old one stays up for a time.
    BlueGreen,
    /// Give the new one a rising share of the requests.
    Canary,
}

/// A rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Steps, in order. The last one has the whole.
    pub steps: Vec<RolloutStep>,
    /// Numbers that must hold at each step, sorted by their names.
    pub thresholds: Vec<Threshold>,
    /// How requests of one client stay with one release; absent if each request is given by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Time in which requests to an old process may end before it is stopped, in milliseconds; absent: 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_ms: Option<u64>,
    /// The comparison with the old release; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The error budget; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Longest time from the beginning of a step, pause included, in milliseconds: one that is still undecided then has failed.
    /// Absent: an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// The protocol of the requests; absent if it is HTTP.
    #[serde(default, skip_serializing_if = "Protocol::is_http")]
    pub protocol: Protocol,
    /// Queries to Prometheus that must hold at each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prometheus: Vec<Query>,
    /// The servers of Prometheus that are asked, by the names of the sources, as the configuration of the place has them.
    #[serde(default, skip_serializing_if = "Sources::is_empty")]
    pub sources: Sources,
}

/// A step of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutStep {
    /// Share of requests in percent. A first step may have 0: it is probed and gets no requests.
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
    /// Lowest number of samples with which it can hold. It can be broken with fewer.
    pub samples_min: u64,
}

/// How requests of one client stay with one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sticky {
    /// By a cookie of this name, which the splitter sets.
    Cookie(String),
    /// By the value of this header, which clients send.
    Header(String),
}

/// The comparison of the new release with the old one at the same time, by a sequential test (`docs/release/judgement.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// How often a whole rollout of a release that is as good as the old one may be stopped, in millionths.
    pub false_alarms: u64,
    /// Smallest ratio of rates that counts as worse, in thousandths.
    pub ratio: u64,
    /// Lowest number of requests of each of the two with which the new one can pass. It can fail with fewer.
    pub samples_min: u64,
    /// A request that takes longer than so many microseconds is slow; absent if slowness is not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_us: Option<u64>,
}

/// An error budget: how many requests may fail, and how fast that may be used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Share of the requests that may fail, in millionths.
    pub objective: u64,
    /// Time over which that share is meant, in milliseconds.
    pub window_ms: u64,
    /// Pairs of windows in which the budget may not burn faster than a rate.
    pub burns: Vec<Burn>,
}

/// A pair of windows and the rate of burning that neither may exceed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burn {
    /// The long window, which shows that it matters, in milliseconds.
    pub long_ms: u64,
    /// The short window, which shows that it is still so, in milliseconds.
    pub short_ms: u64,
    /// Highest share of failing requests as a multiple of the objective, in thousandths.
    pub rate: u64,
}

/// The protocol of the requests that are split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP, request by request.
    #[default]
    Http,
    /// Connections of TCP.
    Tcp,
}

/// Shares of the requests at a step, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Processes of the old release that ran before.
    pub stable: u8,
    /// Fresh processes of the old release, with which the new one is compared.
    pub baseline: u8,
    /// Processes of the new release.
    pub canary: u8,
}

impl Strategy {
    /// The word in the plan.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Rolling => "rolling",
            Self::BlueGreen => "blue-green",
            Self::Canary => "canary",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Protocol {
    /// Whether this is the default, which formats omit.
    #[must_use]
    pub const fn is_http(&self) -> bool {
        matches!(self, Self::Http)
    }
}

impl Shares {
    /// The shares at a step. A comparison takes as many requests for the baseline as the new release gets, if there are so many.
    #[must_use]
    pub const fn of(percent: u8, is_compared: bool) -> Self {
        let canary = if percent > 100 { 100 } else { percent };
        let rest = 100 - canary;
        let baseline = match (is_compared, canary < rest) {
            (false, _) => 0,
            (true, true) => canary,
            (true, false) => rest,
        };
        Self { stable: rest - baseline, baseline, canary }
    }
}

impl Rollout {
    /// The shares at a step, which is counted from 0. After the last step the new release has everything.
    #[must_use]
    pub fn shares(&self, step: usize) -> Shares {
        Shares::of(self.steps.get(step).map_or(100, |step| step.percent), self.comparison.is_some())
    }

    /// Time in which requests to an old process may end, in milliseconds.
    #[must_use]
    pub fn drain_ms(&self) -> u64 {
        self.drain_ms.unwrap_or(DRAIN_MS)
    }

    /// Longest time of a step that is undecided, pause included, in milliseconds.
    #[must_use]
    pub fn limit_ms(&self) -> u64 {
        self.limit_ms.unwrap_or(LIMIT_MS)
    }

    /// Every window over which numbers are needed, in milliseconds, rising.
    #[must_use]
    pub fn windows(&self) -> Vec<u64> {
        let burns = self.budget.iter().flat_map(|budget| &budget.burns);
        let burns = burns.flat_map(|burn| [burn.long_ms, burn.short_ms]);
        let mut windows: Vec<_> = self.thresholds.iter().map(|one| one.window_ms).chain(burns).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Fields that restrict what may happen and that this program does not apply.
    pub fn unapplied(&self) -> impl Iterator<Item = &'static str> {
        let is_known = |one: &Threshold| Metric::named(one.metric.as_str()).is_some();
        let fields = [(self.thresholds.iter().all(is_known), "rollout.thresholds")];
        fields.into_iter().filter_map(|(is_applied, field)| (!is_applied).then_some(field))
    }

    /// Why the rollout is unsound.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let rising = self.steps.is_sorted_by(|a, b| a.percent < b.percent);
        let whole = self.steps.last().is_some_and(|last| last.percent == 100);
        let bounded = |time: u64| time <= MILLISECONDS_MAX;
        let measured = |one: &Threshold| {
            bounded(one.window_ms) && one.window_ms > 0 && one.samples_min > 0 && one.at_most <= INTEGER_MAX
        };
        let limit = self.limit_ms();
        let faults = [
            (self.steps.len() <= STEPS_MAX, "a rollout has more than 32 steps"),
            (rising && whole, "the steps of a rollout do not rise to 100 percent"),
            (self.steps.iter().all(|step| bounded(step.pause_ms)), "a pause is longer than a week"),
            (
                bounded(limit) && self.steps.iter().all(|step| step.pause_ms < limit),
                "a step may be undecided for longer than a week, or not for longer than its pause",
            ),
            (bounded(self.drain_ms()), "requests have longer than a week to end"),
            (self.thresholds.len() <= THRESHOLDS_MAX, "a rollout has more than 32 thresholds"),
            (
                self.thresholds.is_sorted_by(|a, b| a.metric < b.metric),
                "thresholds are not sorted, or a metric stands twice",
            ),
            (
                self.thresholds.iter().all(measured),
                "a threshold has no window, no samples, or a number that is too large",
            ),
            (self.prometheus.len() <= QUERIES_MAX, "a rollout has more than 16 queries"),
            (
                self.prometheus.is_sorted_by(|a, b| a.name < b.name)
                    && self.prometheus.iter().all(Query::is_sound),
                "queries are not sorted, or one is empty or too large",
            ),
        ];
        let fault = faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault);
        let fault = fault.or_else(|| sources_fault(&self.sources));
        let fault = fault.or_else(|| self.sticky.as_ref().and_then(Sticky::fault));
        let fault = fault.or_else(|| self.comparison.as_ref().and_then(Comparison::fault));
        fault.or_else(|| self.budget.as_ref().and_then(Budget::fault))
    }
}

impl Sticky {
    /// The name of the cookie or header.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Cookie(name) | Self::Header(name) => name,
        }
    }

    /// Why the name is not one. Of the characters of a token (RFC 9110, 5.6.2) those count that have no other meaning in a cookie.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let name = self.name();
        let is_sound = (1..=STICKY_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain);
        (!is_sound).then_some("the name of a cookie or header needs 1 to 64 letters, digits, `-`, `_` or `.`")
    }
}

impl Comparison {
    fn fault(&self) -> Option<&'static str> {
        let faults = [
            (
                (1..=WHOLE / 2).contains(&self.false_alarms),
                "false alarms lie between 1 and 500,000 millionths",
            ),
            ((RATIO_MIN..=RATIO_MAX).contains(&self.ratio), "the ratio that counts lies between 1.1 and 100"),
            (
                self.samples_min > 0 && self.samples_min <= INTEGER_MAX,
                "a comparison needs at least one sample, and a number that is not too large",
            ),
            (
                self.slow_us.is_none_or(|slow| (1..=SLOW_US_MAX).contains(&slow)),
                "slow requests take between 1 microsecond and a minute",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

impl Budget {
    fn fault(&self) -> Option<&'static str> {
        let is_pair = |burn: &Burn| {
            burn.short_ms > 0
                && burn.short_ms < burn.long_ms
                && burn.long_ms <= MILLISECONDS_MAX
                && (RATE_MIN..=INTEGER_MAX).contains(&burn.rate)
        };
        let faults = [
            ((1..WHOLE).contains(&self.objective), "an error budget is less than the whole, and not nothing"),
            ((1..=BUDGET_MS_MAX).contains(&self.window_ms), "an error budget is meant for at most 90 days"),
            ((1..=BURNS_MAX).contains(&self.burns.len()), "an error budget has 1 to 8 pairs of windows"),
            (
                self.burns.iter().all(is_pair),
                "a pair of windows is not a short and a long one of at most a week, with a rate of at least 1",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

/// Largest integer of canonical JSON.
const INTEGER_MAX: u64 = 1 << 53;
/// Smallest and largest ratio of a comparison, in thousandths.
const RATIO_MIN: u64 = 1_100;
const RATIO_MAX: u64 = 100_000;
/// Lowest rate of burning, in thousandths.
const RATE_MIN: u64 = 1_000;
/// The longest time that can count as slow: a minute in microseconds.
const SLOW_US_MAX: u64 = 60_000_000;
