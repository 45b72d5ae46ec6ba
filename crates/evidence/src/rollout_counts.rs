//! Counts of requests by which a step of a rollout is judged, and the histogram of their times. Part of observations.
//!
//! Invariant: counts are integers, adding them is exact, and each has one encoding. Buckets are fixed for ever, because
//! signed observations carry them. The file deliberately judges nothing and knows no clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Buckets below this one hold a single microsecond each.
pub const LINEAR: u64 = 16;
/// Each doubling of the time has so many buckets, so a bucket is at most a sixteenth wide.
pub const BUCKETS_EACH_DOUBLING: u64 = 16;
/// The last bucket: everything from 2^26 microseconds, which is 67 seconds.
pub const BUCKET_LAST: u16 = 368;
/// Highest count, which is the largest integer of canonical JSON.
pub const COUNT_MAX: u64 = 1 << 53;

/// Counts of the requests of one group of processes over some time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Requests that ended.
    pub requests: u64,
    /// Those that the service failed: an answer 5xx, no connection, a broken one, no answer in time.
    pub errors: u64,
    /// Those that the client failed: an answer 4xx, or the client went away.
    pub client_errors: u64,
    /// Times until the head of the answer was there, in microseconds, without the time in which the client's body was awaited.
    /// Requests without an answer may be missing.
    pub latency: Histogram,
}

/// Times by buckets: how many lie in each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u16, u64)>", into = "Vec<(u16, u64)>")]
pub struct Histogram(BTreeMap<u16, u64>);

/// Counts of the three groups of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupCounts {
    /// Processes of the old release that ran before.
    pub stable: Counts,
    /// Fresh processes of the old release.
    pub baseline: Counts,
    /// Processes of the new release.
    pub canary: Counts,
}

/// The counts or buckets break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("counts: {0}")]
pub struct CountsError(&'static str);

/// The bucket of a time in microseconds.
#[must_use]
pub const fn bucket(micros: u64) -> u16 {
    if micros < LINEAR {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 16")]
        return micros as u16;
    }
    let doubling = micros.ilog2() as u64;
    let within = (micros >> (doubling - LINEAR_LOG)) - LINEAR;
    let index = LINEAR + (doubling - LINEAR_LOG) * BUCKETS_EACH_DOUBLING + within;
    #[expect(clippy::cast_possible_truncation, reason = "it is at most 61 * 16")]
    let index = index as u16;
    if index < BUCKET_LAST { index } else { BUCKET_LAST }
}

/// The shortest time of a bucket, in microseconds.
#[must_use]
pub const fn bucket_start(bucket: u16) -> u64 {
    let bucket = if bucket < BUCKET_LAST { bucket as u64 } else { BUCKET_LAST as u64 };
    if bucket < LINEAR {
        return bucket;
    }
    let doubling = (bucket - LINEAR) / BUCKETS_EACH_DOUBLING;
    (LINEAR + (bucket - LINEAR) % BUCKETS_EACH_DOUBLING) << doubling
}

impl Histogram {
    /// Counts one time in microseconds.
    pub fn record(&mut self, micros: u64) {
        self.add(bucket(micros), 1);
    }

    /// Counts so many in a bucket. A bucket after the last one is the last one.
    pub fn add(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            let held = self.0.entry(bucket.min(BUCKET_LAST)).or_default();
            *held = held.saturating_add(count);
        }
    }

    /// Number of times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Number of times that are not proven to be at most so many microseconds: the bucket of the limit itself counts unless
    /// it ends there. So a limit is rounded down by at most a sixteenth.
    #[must_use]
    pub fn slower_than(&self, micros: u64) -> u64 {
        let from = bucket(micros.saturating_add(1));
        self.0.range(from..).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// A time in microseconds that at least this share of the times, in millionths, does not exceed: the end of a bucket.
    /// Absent without times.
    #[must_use]
    pub fn quantile(&self, millionths: u64) -> Option<u64> {
        let wanted = u128::from(self.count()) * u128::from(millionths.min(1_000_000));
        let mut seen = 0_u128;
        for (bucket, count) in &self.0 {
            seen += u128::from(*count) * 1_000_000;
            if seen >= wanted {
                return Some(
                    bucket_start(bucket.saturating_add(1)).saturating_sub(1).max(bucket_start(*bucket)),
                );
            }
        }
        None
    }

    /// Pairs of bucket and count, rising, without empty ones.
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.0.iter().map(|(bucket, count)| (*bucket, *count))
    }
}

impl From<Histogram> for Vec<(u16, u64)> {
    fn from(histogram: Histogram) -> Self {
        histogram.0.into_iter().collect()
    }
}

impl TryFrom<Vec<(u16, u64)>> for Histogram {
    type Error = CountsError;

    fn try_from(pairs: Vec<(u16, u64)>) -> Result<Self, CountsError> {
        let rises = pairs.is_sorted_by(|a, b| a.0 < b.0);
        let is_sound =
            |(bucket, count): &(u16, u64)| *bucket <= BUCKET_LAST && (1..=COUNT_MAX).contains(count);
        if rises && pairs.iter().all(is_sound) {
            Ok(Self(pairs.into_iter().collect()))
        } else {
            Err(CountsError("buckets do not rise, or one is unknown or empty"))
        }
    }
}

impl Counts {
    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.client_errors = self.client_errors.saturating_add(other.client_errors);
        for (bucket, count) in other.latency.pairs() {
            self.latency.add(bucket, count);
        }
    }

    /// The counts that came after earlier ones of the same series. Counts that are smaller than earlier ones began anew: then
    /// everything in them came after.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let held = |bucket| self.latency.0.get(&bucket).copied().unwrap_or(0);
        let is_anew = self.requests < earlier.requests
            || self.errors < earlier.errors
            || self.client_errors < earlier.client_errors
            || earlier.latency.pairs().any(|(bucket, count)| held(bucket) < count);
        if is_anew {
            return self.clone();
        }
        let mut latency = Histogram::default();
        for (bucket, count) in self.latency.pairs() {
            latency.add(bucket, count - earlier.latency.0.get(&bucket).copied().unwrap_or(0));
        }
        Self {
            requests: self.requests - earlier.requests,
            errors: self.errors - earlier.errors,
            client_errors: self.client_errors - earlier.client_errors,
            latency,
        }
    }

    /// Why the counts are unsound.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let failed = self.errors.checked_add(self.client_errors);
        let faults = [
            (self.requests <= COUNT_MAX, "a count is too large"),
            (failed.is_some_and(|failed| failed <= self.requests), "more requests failed than there were"),
            (self.latency.count() <= self.requests, "more requests have a time than there were"),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

impl GroupCounts {
    /// The counts that came after earlier ones, group by group.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            stable: self.stable.since(&earlier.stable),
            baseline: self.baseline.since(&earlier.baseline),
            canary: self.canary.since(&earlier.canary),
        }
    }

    /// Why the counts are unsound.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        [&self.stable, &self.baseline, &self.canary].into_iter().find_map(Counts::fault)
    }
}

/// 2 to this power is `LINEAR`.
const LINEAR_LOG: u64 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_cover_every_time_once_and_are_a_sixteenth_wide() {
        for index in 0..BUCKET_LAST {
            let (start, end) = (bucket_start(index), bucket_start(index + 1));
            assert!(start < end, "{index}");
            assert_eq!((bucket(start), bucket(end - 1), bucket(end)), (index, index, index + 1));
            assert!(end - start == 1 || (end - start) * 16 <= start, "{index}");
        }
        assert_eq!(bucket_start(BUCKET_LAST), 1 << 26);
        assert_eq!((bucket(u64::MAX), bucket_start(u16::MAX)), (BUCKET_LAST, 1 << 26));
    }

    #[test]
    fn a_limit_is_rounded_down() {
        let mut times = Histogram::default();
        for time in [100_000, 294_911, 294_912, 311_000, 400_000] {
            times.record(time);
        }
        // 300 ms lies in the bucket from 294,912 to 311,295 microseconds.
        assert_eq!(times.slower_than(300_000), 3);
        assert_eq!(times.slower_than(311_295), 1);
        assert_eq!(times.slower_than(294_911), 3);
        assert_eq!((times.slower_than(u64::MAX), times.count()), (0, 5));
    }

    #[test]
    fn quantiles_are_ends_of_buckets() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(500_000), None);
        for time in 1..=10 {
            times.record(time);
        }
        assert_eq!((times.quantile(500_000), times.quantile(900_000)), (Some(5), Some(9)));
        assert_eq!((times.quantile(0), times.quantile(2_000_000)), (Some(1), Some(10)));
    }

    #[test]
    fn a_series_that_began_anew_is_no_negative_count() {
        let some = |requests, errors, times: &[u64]| {
            let mut counts = Counts { requests, errors, ..Counts::default() };
            times.iter().for_each(|time| counts.latency.record(*time));
            counts
        };
        let (first, second) = (some(10, 1, &[5, 5]), some(12, 1, &[5, 5, 9]));
        assert_eq!(second.since(&first), some(2, 0, &[9]));
        assert_eq!(first.since(&second), first);
        let anew = some(20, 1, &[9]);
        assert_eq!(anew.since(&first), anew);
    }

    #[test]
    fn a_histogram_has_one_encoding() {
        let mut times = Histogram::default();
        for time in [3, 3, 17] {
            times.record(time);
        }
        let text = serde_json::to_string(&times).unwrap();
        assert_eq!(text, "[[3,2],[17,1]]");
        assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), times);
        for wrong in ["[[17,1],[3,2]]", "[[3,1],[3,1]]", "[[3,0]]", "[[369,1]]", "[[3,9007199254740993]]"] {
            let error = serde_json::from_str::<Histogram>(wrong).unwrap_err().to_string();
            assert!(error.contains("buckets do not rise, or one is unknown or empty"), "{error}");
        }
    }

    #[test]
    fn unsound_counts_are_named() {
        let sound = Counts { requests: 2, errors: 1, client_errors: 1, ..Counts::default() };
        let groups = |canary| GroupCounts { canary, ..GroupCounts::default() };
        assert_eq!(groups(sound.clone()).fault(), None);
        let more = Counts { client_errors: 2, ..sound.clone() };
        assert_eq!(groups(more).fault(), Some("more requests failed than there were"));
        let mut timed = sound.clone();
        timed.latency.add(3, 3);
        assert_eq!(groups(timed).fault(), Some("more requests have a time than there were"));
        let large = Counts { requests: COUNT_MAX + 1, ..sound };
        assert_eq!(groups(large).fault(), Some("a count is too large"));
    }

    proptest! {
        #[test]
        fn parts_add_up(first: Vec<u32>, second: Vec<u32>) {
            let counted = |times: &[u32]| {
                let mut counts = Counts { requests: times.len() as u64, ..Counts::default() };
                times.iter().for_each(|time| counts.latency.record(u64::from(*time)));
                counts
            };
            let both = counted(&[first.clone(), second.clone()].concat());
            let (first, second) = (counted(&first), counted(&second));
            prop_assert_eq!(&both.since(&first), &second);
            let mut sum = first;
            sum.add(&second);
            prop_assert_eq!(sum, both);
        }
    }
}
