//! Counts of a rollout by windows of time, from figures that only rise.
//!
//! Invariant: no count is negative, and none reaches back before the rollout began. A clock that is set back makes no window
//! longer. The number of kept samples has a bound: older ones lie farther apart, so a long window may be longer by a
//! fraction, never shorter. A pure value without a clock.

use std::collections::{BTreeMap, VecDeque};

use evidence::rollout_counts::GroupCounts;

/// Counts over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Milliseconds from its begin to the last sample.
    pub ago_ms: u64,
    /// Its length in milliseconds.
    pub for_ms: u64,
    /// The counts.
    pub counts: GroupCounts,
}

/// The counts of a rollout.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    samples: VecDeque<(u64, GroupCounts)>,
    /// Totals when the step began.
    began: GroupCounts,
}

impl Counting {
    /// Takes the totals at a time, in milliseconds.
    pub fn sample(&mut self, at: u64, totals: GroupCounts) {
        let last = self.samples.back().map_or(0, |(at, _)| *at);
        if self.samples.is_empty() {
            self.began = totals.clone();
        }
        self.samples.push_back((at.max(last), totals));
        if self.samples.len() > SAMPLES_MAX {
            self.thin();
        }
    }

    /// Notes that a step begins now.
    pub fn begin_step(&mut self) {
        self.began = self.totals();
    }

    /// Counts since the step began.
    pub fn step(&self) -> GroupCounts {
        since(&self.totals(), &self.began)
    }

    /// Counts over each of these windows, which are given in milliseconds and end with the last sample.
    pub fn windows(&self, windows: &[u64]) -> BTreeMap<u64, GroupCounts> {
        let (now, totals) = (self.samples.back().map_or(0, |(at, _)| *at), self.totals());
        let over = |window: u64| {
            let from = now.saturating_sub(window);
            let after = self.samples.partition_point(|(at, _)| *at <= from);
            let start = self.samples.get(after.saturating_sub(1));
            since(&totals, &start.map(|(_, counts)| counts.clone()).unwrap_or_default())
        };
        windows.iter().map(|window| (*window, over(*window))).collect()
    }

    /// Counts since the first sample in at most so many stretches of equal length, the oldest first. Their borders stay while time
    /// passes, until they become too many: then each stretch is longer.
    pub fn curve(&self, most: usize) -> Vec<Stretch> {
        let (Some((first, _)), Some((last, _))) = (self.samples.front(), self.samples.back()) else {
            return Vec::new();
        };
        let most = u64::try_from(most).unwrap_or(u64::MAX).max(1);
        let mut length = STRETCH_MS;
        while (last - first).div_ceil(length) > most {
            length = length.saturating_mul(2);
        }
        let borders = (0..).map(|nth| first.saturating_add(length.saturating_mul(nth)));
        let starts = borders.take_while(|start| start < last);
        let stretch = |start: u64| {
            let end = start.saturating_add(length).min(*last);
            let counts = since(&self.totals_at(end), &self.totals_at(start));
            Stretch { ago_ms: last - start, for_ms: end - start, counts }
        };
        starts.map(stretch).collect()
    }

    /// Totals of the last sample that is not after a time.
    fn totals_at(&self, time: u64) -> GroupCounts {
        let after = self.samples.partition_point(|(at, _)| *at <= time);
        self.samples.get(after.saturating_sub(1)).map(|(_, totals)| totals.clone()).unwrap_or_default()
    }

    fn totals(&self) -> GroupCounts {
        self.samples.back().map(|(_, totals)| totals.clone()).unwrap_or_default()
    }

    /// Keeps samples so that two of them lie at most a 64th of their age apart, and the first one.
    fn thin(&mut self) {
        let now = self.samples.back().map_or(0, |(at, _)| *at);
        let times: Vec<u64> = self.samples.iter().map(|(at, _)| *at).collect();
        let (mut at, mut kept) = (0, 0);
        self.samples.retain(|(time, _)| {
            let next = times.get(at + 1).copied();
            let is_close = next.is_some_and(|next| next - kept <= now.saturating_sub(next) / PARTS);
            let keeps = at == 0 || !is_close;
            at += 1;
            if keeps {
                kept = *time;
            }
            keeps
        });
    }
}

fn since(totals: &GroupCounts, earlier: &GroupCounts) -> GroupCounts {
    GroupCounts {
        stable: totals.stable.since(&earlier.stable),
        baseline: totals.baseline.since(&earlier.baseline),
        canary: totals.canary.since(&earlier.canary),
    }
}

/// Shortest stretch of a curve.
const STRETCH_MS: u64 = 1_000;
/// Two samples are at most this part of their age apart.
const PARTS: u64 = 64;
/// Highest number of samples, which is more than `thin` leaves of a week.
const SAMPLES_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use evidence::rollout_counts::Counts;

    use super::*;

    fn totals(requests: u64, errors: u64) -> GroupCounts {
        GroupCounts { canary: Counts { requests, errors, ..Counts::default() }, ..GroupCounts::default() }
    }

    fn over(counting: &Counting, window: u64) -> (u64, u64) {
        let counts = counting.windows(&[window])[&window].canary.clone();
        (counts.requests, counts.errors)
    }

    #[test]
    fn windows_and_steps_count_what_came_in_them() {
        let mut counting = Counting::default();
        for second in 0..=100 {
            counting.sample(1_000_000 + second * 1_000, totals(50 + second * 10, second / 10));
            if second == 60 {
                counting.begin_step();
            }
        }
        assert_eq!(over(&counting, 1_000), (10, 1));
        assert_eq!(over(&counting, 10_000), (100, 1));
        assert_eq!(over(&counting, 1 << 40), (1_000, 10), "from the beginning, and not what came before it");
        assert_eq!(counting.step().canary.requests, 400);
        assert_eq!(counting.step().canary.errors, 4);
    }

    #[test]
    fn a_curve_has_every_request_once_in_few_stretches() {
        let mut counting = Counting::default();
        for tick in 0..=1_000 {
            counting.sample(5_000 + tick * 250, totals(7 + tick * 3, tick / 10));
            let curve = counting.curve(64);
            assert!(curve.len() <= 64, "{}", curve.len());
            let requests: u64 = curve.iter().map(|one| one.counts.canary.requests).sum();
            let errors: u64 = curve.iter().map(|one| one.counts.canary.errors).sum();
            assert_eq!(
                (requests, errors),
                (tick * 3, tick / 10),
                "nothing of the time before the first sample"
            );
            assert!(curve.is_sorted_by(|one, next| {
                one.ago_ms - one.for_ms == next.ago_ms && one.for_ms >= next.for_ms
            }));
            assert!(curve.first().is_none_or(|first| first.ago_ms == tick * 250));
        }
        let curve = counting.curve(64);
        assert_eq!((curve.len(), curve[0].for_ms, curve[0].counts.canary.requests), (63, 4_000, 48));
    }

    #[test]
    fn nothing_was_counted_before_the_first_sample() {
        let counting = Counting::default();
        assert_eq!(over(&counting, 1_000), (0, 0));
        assert_eq!(counting.step(), GroupCounts::default());
        assert_eq!(counting.curve(64), []);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_window_longer() {
        let mut counting = Counting::default();
        for (millis, requests) in [(10_000, 0), (20_000, 100), (1_000, 200), (2_000, 300)] {
            counting.sample(millis, totals(requests, 0));
        }
        assert_eq!(over(&counting, 10_000), (300, 0), "the last three samples are of the same moment");
        assert_eq!(over(&counting, 1 << 40), (300, 0));
    }

    #[test]
    fn a_long_rollout_keeps_few_samples_and_loses_no_request() {
        let mut counting = Counting::default();
        let last = 200_000;
        for tick in 0..=last {
            counting.sample(tick * 250, totals(tick, 0));
        }
        assert!(counting.samples.len() <= SAMPLES_MAX);
        assert_eq!(over(&counting, u64::MAX), (last, 0));
        for window in [1_000, 60_000, 300_000, 3_600_000, 36_000_000] {
            let (requests, wanted) = (over(&counting, window).0, window / 250);
            assert!(requests >= wanted, "{window}: {requests} is shorter than {wanted}");
            assert!(
                requests <= wanted + wanted / 32 + 1,
                "{window}: {requests} is much longer than {wanted}"
            );
        }
    }
}
