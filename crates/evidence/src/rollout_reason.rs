//! Reasons of a verdict about a step of a rollout, with the numbers that decided. Part of observations.
//!
//! Invariant: a reason has every number of its rule, so that a reader can compute it again. It is data first; the text is
//! derived from it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::rollout_metric::Metric;

/// Highest number of reasons of a verdict.
pub const REASONS_MAX: usize = 64;

/// The finding of a rule of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub enum Reason {
    /// The agent's probes of the new release failed.
    ProbesFail {},
    /// The agent's probes have not answered yet.
    ProbesUnknown {},
    /// A number is over its limit.
    Over {
        /// The number.
        metric: Metric,
        /// The window over which it was measured, in milliseconds.
        window_ms: u64,
        /// The observed value, in millionths of the unit.
        observed: u64,
        /// Highest value, in millionths of the unit.
        at_most: u64,
        /// Requests that failed or were slow.
        failing: u64,
        /// All requests that count.
        samples: u64,
        /// Whether so many are too many to be chance.
        certain: bool,
    },
    /// This program does not know a number that the rollout names.
    Unread {
        /// The number.
        metric: Name,
    },
    /// A number has too few samples to pass.
    Few {
        /// The number.
        metric: Metric,
        /// The window over which it was measured, in milliseconds.
        window_ms: u64,
        /// Samples there are.
        samples: u64,
        /// Samples that are needed.
        samples_min: u64,
    },
    /// The error budget burns too fast.
    Burns {
        /// The long window in milliseconds.
        long_ms: u64,
        /// The short window in milliseconds.
        short_ms: u64,
        /// Rate of burning over the long window, in thousandths.
        rate: u64,
        /// Highest rate, in thousandths.
        at_most: u64,
        /// Requests that failed in the long window.
        failing: u64,
        /// All requests of the long window.
        samples: u64,
    },
    /// The new release is worse than the old one at the same time.
    Worse {
        /// The kind of failure that happened more often.
        kind: Kind,
        /// How often with the new release.
        failing: u64,
        /// Requests of the new release.
        samples: u64,
        /// How often with the old one.
        baseline_failing: u64,
        /// Requests of the old one.
        baseline_samples: u64,
        /// The odds against chance, as a power of two.
        odds_log2: u64,
        /// The odds that are needed, as a power of two.
        needed_log2: u64,
    },
    /// A group has too few requests to be compared.
    FewCompared {
        /// Requests of the new release.
        samples: u64,
        /// Requests of the old one.
        baseline_samples: u64,
        /// Requests that each of the two needs.
        samples_min: u64,
    },
    /// The answer to a query is over its limit.
    QueryOver {
        /// Name of the number.
        name: Name,
        /// The answer, in millionths.
        observed: i64,
        /// Highest value, in millionths.
        at_most: u64,
    },
    /// The answer to a query is under its limit.
    QueryUnder {
        /// Name of the number.
        name: Name,
        /// The answer, in millionths.
        observed: i64,
        /// Lowest value, in millionths.
        at_least: u64,
    },
    /// The answer to a query is no number.
    QueryUnread {
        /// Name of the number.
        name: Name,
        /// The answer in words.
        why: String,
    },
    /// A query has not been answered in this step, or too long ago.
    QueryUnasked {
        /// Name of the number.
        name: Name,
    },
    /// The step was undecided for too long.
    Limit {
        /// Time in the step, in milliseconds.
        in_step_ms: u64,
        /// Longest time, in milliseconds.
        limit_ms: u64,
    },
}

/// A kind of failure that is compared between two releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Requests that the service failed.
    Errors,
    /// Requests that the client failed.
    ClientErrors,
    /// Requests that took long.
    Slow,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errors => "errors",
            Self::ClientErrors => "errors of clients",
            Self::Slow => "slow answers",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProbesFail {} => f.write_str("the new release fails its probes"),
            Self::ProbesUnknown {} => f.write_str("the probes of the new release have not answered"),
            Self::Over { metric, window_ms, observed, at_most, failing, samples, certain } => {
                let (observed, limit) = (Unit(*metric, *observed), Unit(*metric, *at_most));
                let window = Span(*window_ms);
                write!(f, "{metric}: {observed} over {window}, at most {limit} ({failing} of {samples})")?;
                if *certain { Ok(()) } else { f.write_str(", which can still be chance") }
            }
            Self::Unread { metric } => write!(f, "{metric}: this program does not know that number"),
            Self::Few { metric, window_ms, samples, samples_min } => {
                write!(f, "{metric}: {samples} requests over {}, {samples_min} are needed", Span(*window_ms))
            }
            Self::Burns { long_ms, short_ms, rate, at_most, failing, samples } => write!(
                f,
                "error budget: burns {} times as fast as allowed over {}, and over {} too, at most {} times ({failing} of {samples})",
                Thousandths(*rate),
                Span(*long_ms),
                Span(*short_ms),
                Thousandths(*at_most)
            ),
            Self::Worse {
                kind,
                failing,
                samples,
                baseline_failing,
                baseline_samples,
                odds_log2,
                needed_log2,
            } => write!(
                f,
                "{kind}: {failing} of {samples} with the new release, {baseline_failing} of {baseline_samples} with the old one; \
                 odds against chance 2^{odds_log2}, 2^{needed_log2} are needed"
            ),
            Self::FewCompared { samples, baseline_samples, samples_min } => write!(
                f,
                "comparison: {samples} requests of the new release and {baseline_samples} of the old one, {samples_min} of each are needed"
            ),
            Self::QueryOver { name, observed, at_most } => {
                write!(f, "query {name}: {}, at most {}", Millionths(*observed), Millionths::of(*at_most))
            }
            Self::QueryUnder { name, observed, at_least } => {
                write!(f, "query {name}: {}, at least {}", Millionths(*observed), Millionths::of(*at_least))
            }
            Self::QueryUnread { name, why } => write!(f, "query {name}: {why}"),
            Self::QueryUnasked { name } => write!(f, "query {name}: it has not been answered in this step"),
            Self::Limit { in_step_ms, limit_ms } => {
                write!(f, "undecided for {}, at most {}", Span(*in_step_ms), Span(*limit_ms))
            }
        }
    }
}

/// A number of a metric with its unit.
pub(crate) struct Unit(pub Metric, pub u64);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(metric, number) = self;
        match metric.slower() {
            Some(_) => decimal(f, *number, 1_000, " ms"),
            None => decimal(f, *number, 10_000, " %"),
        }
    }
}

/// Millionths as a decimal number.
pub(crate) struct Millionths(pub i64);

impl Millionths {
    pub fn of(number: u64) -> Self {
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        decimal(f, self.0.unsigned_abs(), 1_000_000, "")
    }
}

/// Thousandths as a decimal number.
pub(crate) struct Thousandths(pub u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0, 1_000, "")
    }
}

/// A time in words: the largest unit that divides it.
pub(crate) struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
        match units.into_iter().find(|(unit, _)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, word)) => write!(f, "{} {word}", self.0 / unit),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A number that is divided by a power of ten, without zeros at its end.
fn decimal(f: &mut fmt::Formatter<'_>, number: u64, by: u64, unit: &str) -> fmt::Result {
    let (whole, rest) = (number / by, number % by);
    let digits = by.ilog10() as usize;
    let rest = format!("{rest:0digits$}");
    match rest.trim_end_matches('0') {
        "" => write!(f, "{whole}{unit}"),
        rest => write!(f, "{whole}.{rest}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_in_words() {
        let over = |metric, observed, at_most, certain| Reason::Over {
            metric,
            window_ms: 300_000,
            observed,
            at_most,
            failing: 4,
            samples: 100,
            certain,
        };
        let shown: Vec<_> = [
            Reason::ProbesFail {},
            Reason::ProbesUnknown {},
            over(Metric::Errors, 40_000, 1_000, true),
            over(Metric::LatencyP99, 311_295, 300_000, false),
            Reason::Unread { metric: "heat".parse().unwrap() },
            Reason::Few { metric: Metric::Errors, window_ms: 1_500, samples: 3, samples_min: 100 },
            Reason::Burns {
                long_ms: 3_600_000,
                short_ms: 300_000,
                rate: 40_000,
                at_most: 14_400,
                failing: 4,
                samples: 100,
            },
            Reason::Worse {
                kind: Kind::Errors,
                failing: 20,
                samples: 500,
                baseline_failing: 1,
                baseline_samples: 501,
                odds_log2: 13,
                needed_log2: 10,
            },
            Reason::FewCompared { samples: 3, baseline_samples: 2, samples_min: 50 },
            Reason::QueryOver { name: "queue".parse().unwrap(), observed: 120_500_000, at_most: 100_000_000 },
            Reason::QueryUnder { name: "queue".parse().unwrap(), observed: -1, at_least: 1_000_000 },
            Reason::QueryUnread { name: "queue".parse().unwrap(), why: "the server answers 503".into() },
            Reason::QueryUnasked { name: "queue".parse().unwrap() },
            Reason::Limit { in_step_ms: 3_600_000, limit_ms: 3_600_000 },
        ]
        .iter()
        .map(|reason| {
            let text = serde_json::to_string(reason).unwrap();
            assert_eq!(&serde_json::from_str::<Reason>(&text).unwrap(), reason);
            reason.to_string()
        })
        .collect();
        let expected = [
            "the new release fails its probes",
            "the probes of the new release have not answered",
            "errors: 4 % over 5 min, at most 0.1 % (4 of 100)",
            "latency-p99: 311.295 ms over 5 min, at most 300 ms (4 of 100), which can still be chance",
            "heat: this program does not know that number",
            "errors: 3 requests over 1500 ms, 100 are needed",
            "error budget: burns 40 times as fast as allowed over 1 h, and over 5 min too, at most 14.4 times (4 of 100)",
            "errors: 20 of 500 with the new release, 1 of 501 with the old one; odds against chance 2^13, 2^10 are needed",
            "comparison: 3 requests of the new release and 2 of the old one, 50 of each are needed",
            "query queue: 120.5, at most 100",
            "query queue: -0.000001, at least 1",
            "query queue: the server answers 503",
            "query queue: it has not been answered in this step",
            "undecided for 1 h, at most 1 h",
        ];
        assert_eq!(shown, expected);
    }
}
