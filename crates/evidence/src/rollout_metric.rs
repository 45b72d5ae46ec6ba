//! Numbers that a threshold of a rollout may name.
//!
//! Invariant: each one is a share of requests: those that failed, or those that were slower than a limit. So one test
//! judges all of them.

use serde::{Deserialize, Serialize};

use crate::rollout_counts::Counts;

/// A number that a threshold names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Share of requests that the service failed, in millionths.
    Errors,
    /// Time within which half of the requests are answered, in microseconds.
    LatencyP50,
    /// Time within which 90 percent are answered.
    LatencyP90,
    /// Time within which 99 percent are answered.
    LatencyP99,
}

/// A share: so many of so many, and how many of a million are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Requests that failed or were slow.
    pub failing: u64,
    /// All requests that count.
    pub samples: u64,
    /// Highest share in millionths.
    pub at_most: u64,
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Metric {
    /// Every one, in the order of its names.
    pub const ALL: [Self; 4] = [Self::Errors, Self::LatencyP50, Self::LatencyP90, Self::LatencyP99];

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::LatencyP50 => "latency-p50",
            Self::LatencyP90 => "latency-p90",
            Self::LatencyP99 => "latency-p99",
        }
    }

    /// For a time: the share of the requests, in millionths, that may take longer.
    #[must_use]
    pub const fn slower(self) -> Option<u64> {
        match self {
            Self::Errors => None,
            Self::LatencyP50 => Some(500_000),
            Self::LatencyP90 => Some(100_000),
            Self::LatencyP99 => Some(10_000),
        }
    }

    /// The share that this limit is about.
    #[must_use]
    pub fn share(self, counts: &Counts, at_most: u64) -> Share {
        match self.slower() {
            None => Share { failing: counts.errors, samples: counts.requests, at_most },
            Some(slower) => Share {
                failing: counts.latency.slower_than(at_most),
                samples: counts.latency.count(),
                at_most: slower,
            },
        }
    }

    /// The number itself, in millionths of its unit. Absent without samples.
    #[must_use]
    pub fn observed(self, counts: &Counts) -> Option<u64> {
        match self.slower() {
            None => parts(counts.errors, counts.requests),
            Some(slower) => counts.latency.quantile(1_000_000 - slower),
        }
    }
}

/// So many of so many in millionths, rounded up.
fn parts(some: u64, all: u64) -> Option<u64> {
    let parts = (u128::from(some) * 1_000_000).div_ceil(u128::from(all).max(1));
    (all > 0).then(|| u64::try_from(parts).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_a_share() {
        let mut counts = Counts { requests: 3, errors: 1, ..Counts::default() };
        for time in [100, 200] {
            counts.latency.record(time);
        }
        assert_eq!(Metric::Errors.share(&counts, 1_000), Share { failing: 1, samples: 3, at_most: 1_000 });
        assert_eq!(Metric::Errors.observed(&counts), Some(333_334));
        let slow = Share { failing: 1, samples: 2, at_most: 10_000 };
        assert_eq!(Metric::LatencyP99.share(&counts, 150), slow);
        assert_eq!(Metric::LatencyP50.observed(&counts), Some(103));
        assert_eq!(Metric::Errors.observed(&Counts::default()), None);
        for metric in Metric::ALL {
            assert_eq!(Metric::named(metric.as_str()), Some(metric));
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.as_str());
        }
        assert_eq!(Metric::named("latency-p98"), None);
    }
}
