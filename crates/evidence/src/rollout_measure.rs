//! The arithmetic of a verdict about a step of a rollout: each number beside its limit, whether or not it decided.
//!
//! Invariant: a measure has every number of its rule, so that a reader can compute it again. It is shown to people and decides
//! nothing: the verdict is computed from the counts themselves.

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::rollout_metric::Metric;
use crate::rollout_reason::{Kind, Millionths, Span, Thousandths, Unit};

/// A number of a rollout beside its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Measure {
    /// A threshold.
    Threshold {
        /// The number.
        metric: Metric,
        /// The window over which it was measured, in milliseconds.
        window_ms: u64,
        /// The observed value, in millionths of the unit. Absent without requests.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observed: Option<u64>,
        /// Highest value, in millionths of the unit.
        at_most: u64,
        /// Requests that failed or were slow.
        failing: u64,
        /// All requests that count.
        samples: u64,
        /// Requests that are needed to pass.
        samples_min: u64,
        /// How surprising so many are within the limit, in thousandths of a bit.
        odds: u64,
        /// Odds with which it is no chance, in thousandths of a bit.
        needed: u64,
        /// How it stands.
        stand: Stand,
    },
    /// A pair of windows of the error budget.
    Budget {
        /// The long window in milliseconds.
        long_ms: u64,
        /// The short window in milliseconds.
        short_ms: u64,
        /// Rate of burning over the long window, in thousandths.
        long_rate: u64,
        /// Rate of burning over the short window, in thousandths.
        short_rate: u64,
        /// Highest rate, in thousandths.
        at_most: u64,
        /// Requests that failed in the long window.
        failing: u64,
        /// All requests of the long window.
        samples: u64,
        /// How surprising so many are within the limit, in thousandths of a bit.
        odds: u64,
        /// Odds with which it is no chance, in thousandths of a bit.
        needed: u64,
        /// How it stands.
        stand: Stand,
    },
    /// The comparison with the release before, over the step.
    Comparison {
        /// The kind of failure.
        kind: Kind,
        /// How often with the new release.
        failing: u64,
        /// Requests of the new release.
        samples: u64,
        /// How often with the one before.
        baseline_failing: u64,
        /// Requests of the one before.
        baseline_samples: u64,
        /// Requests of each that are needed to pass.
        samples_min: u64,
        /// The odds that the new one is worse, in thousandths of a bit. Below zero they speak for it.
        odds: i64,
        /// Odds that stop the step, in thousandths of a bit.
        needed: u64,
        /// How it stands.
        stand: Stand,
    },
    /// The answer to a query to Prometheus, which decides without odds.
    Query {
        /// Name of the number.
        name: Name,
        /// The answer, in millionths. Absent without a number that counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observed: Option<i64>,
        /// Highest value, in millionths. Absent without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<u64>,
        /// Lowest value, in millionths. Absent without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least: Option<u64>,
        /// How it stands.
        stand: Stand,
    },
}

/// How a number stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// It is within its limit.
    Holds,
    /// There are too few requests, or it is over its limit and that can be chance.
    Open,
    /// It stops the step.
    Stops,
}

impl Stand {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Open => "undecided",
            Self::Stops => "stops it",
        }
    }
}

impl Measure {
    /// How it stands.
    #[must_use]
    pub const fn stand(&self) -> Stand {
        match self {
            Self::Threshold { stand, .. }
            | Self::Budget { stand, .. }
            | Self::Comparison { stand, .. }
            | Self::Query { stand, .. } => *stand,
        }
    }

    /// Its name, with the time over which it is measured.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Threshold { metric, window_ms, .. } => format!("{metric} over {}", Span(*window_ms)),
            Self::Budget { long_ms, short_ms, .. } if long_ms == short_ms => {
                format!("error budget over {}", Span(*long_ms))
            }
            Self::Budget { long_ms, short_ms, .. } => {
                format!("error budget over {} and {}", Span(*long_ms), Span(*short_ms))
            }
            Self::Comparison { kind, .. } => format!("{kind}, compared"),
            Self::Query { name, .. } => format!("query {name}"),
        }
    }

    /// The observed value.
    #[must_use]
    pub fn observed(&self) -> String {
        match self {
            Self::Threshold { observed: None, .. } => "no requests".to_owned(),
            Self::Threshold { metric, observed: Some(observed), .. } => Unit(*metric, *observed).to_string(),
            Self::Budget { samples: 0, .. } => "no requests".to_owned(),
            Self::Budget { long_rate, short_rate, .. } if long_rate == short_rate => {
                format!("burns {} times as fast", Thousandths(*long_rate))
            }
            Self::Budget { long_rate, short_rate, .. } => {
                format!("burns {} and {} times as fast", Thousandths(*long_rate), Thousandths(*short_rate))
            }
            Self::Comparison { failing, samples, baseline_failing, baseline_samples, .. } => {
                format!("{failing} of {samples}, and {baseline_failing} of {baseline_samples} before")
            }
            Self::Query { observed, .. } => {
                observed.map_or_else(|| "no number".to_owned(), |observed| Millionths(observed).to_string())
            }
        }
    }

    /// Its limit.
    #[must_use]
    pub fn limit(&self) -> String {
        match self {
            Self::Threshold { metric, at_most, .. } => format!("at most {}", Unit(*metric, *at_most)),
            Self::Budget { at_most, .. } => format!("at most {} times", Thousandths(*at_most)),
            Self::Comparison { .. } => "no worse than the release before".to_owned(),
            Self::Query { at_most, at_least, .. } => {
                let most = at_most.map(|most| format!("at most {}", Millionths::of(most)));
                let least = at_least.map(|least| format!("at least {}", Millionths::of(least)));
                least.into_iter().chain(most).collect::<Vec<_>>().join(" and ")
            }
        }
    }

    /// The requests that count, and how many are needed.
    #[must_use]
    pub fn samples(&self) -> String {
        match self {
            Self::Threshold { failing, samples, samples_min, .. } if samples < samples_min => {
                format!("{failing} of {samples}, {samples_min} are needed")
            }
            Self::Threshold { failing, samples, .. } | Self::Budget { failing, samples, .. } => {
                format!("{failing} of {samples}")
            }
            Self::Comparison { samples, baseline_samples, samples_min, .. }
                if samples < samples_min || baseline_samples < samples_min =>
            {
                format!("{samples} and {baseline_samples}, {samples_min} of each are needed")
            }
            Self::Comparison { samples, baseline_samples, .. } => format!("{samples} and {baseline_samples}"),
            Self::Query { .. } => "-".to_owned(),
        }
    }

    /// The odds against chance beside those that stop the step, each as a power of two.
    #[must_use]
    pub fn odds(&self) -> String {
        if matches!(self, Self::Query { .. }) {
            return "one number decides".to_owned();
        }
        let (odds, needed) = self.odds_thousandths();
        let sign = if odds < 0 { "-" } else { "" };
        let tenths = |thousandths: u64| Thousandths(thousandths / 100 * 100);
        format!("2^{sign}{} of 2^{}", tenths(odds.unsigned_abs()), tenths(needed))
    }

    /// The odds against chance, and those that stop the step, in thousandths of a bit.
    #[must_use]
    pub fn odds_thousandths(&self) -> (i64, u64) {
        match self {
            Self::Threshold { odds, needed, .. } | Self::Budget { odds, needed, .. } => {
                (i64::try_from(*odds).unwrap_or(i64::MAX), *needed)
            }
            Self::Comparison { odds, needed, .. } => (*odds, *needed),
            Self::Query { stand, .. } => (i64::from(*stand == Stand::Stops), 1),
        }
    }

    /// All of it in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let (title, observed, limit) = (self.title(), self.observed(), self.limit());
        let (samples, odds, stand) = (self.samples(), self.odds(), self.stand().as_str());
        if matches!(self, Self::Query { .. }) {
            return format!("{title}: {observed}, {limit}: {stand}");
        }
        format!("{title}: {observed}, {limit} ({samples}; odds {odds}): {stand}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures() -> [Measure; 6] {
        [
            Measure::Threshold {
                metric: Metric::LatencyP99,
                window_ms: 300_000,
                observed: Some(41_500),
                at_most: 300_000,
                failing: 1,
                samples: 90,
                samples_min: 100,
                odds: 0,
                needed: 10_000,
                stand: Stand::Open,
            },
            Measure::Threshold {
                metric: Metric::Errors,
                window_ms: 300_000,
                observed: None,
                at_most: 1_000,
                failing: 0,
                samples: 0,
                samples_min: 100,
                odds: 0,
                needed: 10_000,
                stand: Stand::Open,
            },
            Measure::Budget {
                long_ms: 3_600_000,
                short_ms: 300_000,
                long_rate: 40_000,
                short_rate: 12_500,
                at_most: 14_400,
                failing: 4,
                samples: 100,
                odds: 15_772,
                needed: 10_000,
                stand: Stand::Stops,
            },
            Measure::Comparison {
                kind: Kind::Slow,
                failing: 2,
                samples: 500,
                baseline_failing: 3,
                baseline_samples: 501,
                samples_min: 50,
                odds: -1_250,
                needed: 17_100,
                stand: Stand::Holds,
            },
            Measure::Query {
                name: "queue".parse().unwrap(),
                observed: Some(120_500_000),
                at_most: Some(100_000_000),
                at_least: None,
                stand: Stand::Stops,
            },
            Measure::Query {
                name: "workers".parse().unwrap(),
                observed: None,
                at_most: Some(8_000_000),
                at_least: Some(1_000_000),
                stand: Stand::Open,
            },
        ]
    }

    #[test]
    fn measures_in_words() {
        let measures = measures();
        let lines: Vec<_> = measures
            .iter()
            .map(|measure| {
                let text = serde_json::to_string(measure).unwrap();
                assert_eq!(&serde_json::from_str::<Measure>(&text).unwrap(), measure);
                measure.line()
            })
            .collect();
        let expected = [
            "latency-p99 over 5 min: 41.5 ms, at most 300 ms (1 of 90, 100 are needed; odds 2^0 of 2^10): undecided",
            "errors over 5 min: no requests, at most 0.1 % (0 of 0, 100 are needed; odds 2^0 of 2^10): undecided",
            "error budget over 1 h and 5 min: burns 40 and 12.5 times as fast, at most 14.4 times (4 of 100; odds 2^15.7 of 2^10): stops it",
            "slow answers, compared: 2 of 500, and 3 of 501 before, no worse than the release before (500 and 501; odds 2^-1.2 of 2^17.1): holds",
            "query queue: 120.5, at most 100: stops it",
            "query workers: no number, at least 1 and at most 8: undecided",
        ];
        assert_eq!(lines, expected);
    }
}
