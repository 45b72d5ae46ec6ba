//! The time of a rollout, from a clock that may jump.
//!
//! Invariant: a look adds what passed since the one before, and never more than a bound. So a clock that is set back holds a step a
//! little longer, and one that is set ahead neither skips a pause nor ends a rollout. A pure value without a clock.

use evidence::Moment;

/// Time that has passed, as far as it was looked at.
#[derive(Debug, Default)]
pub struct SteadyTime {
    last: Option<Moment>,
    passed_ms: u64,
    /// The step in force, its beginning by the clock, and by this time.
    step: Option<(usize, Moment, u64)>,
}

impl SteadyTime {
    /// Looks at the clock; milliseconds since the first look.
    pub fn look(&mut self, now: Moment) -> u64 {
        let last = self.last.replace(now).unwrap_or(now);
        self.passed_ms += now.millis().saturating_sub(last.millis()).min(LOOK_MS_MAX);
        self.passed_ms
    }

    /// Milliseconds for which this step was looked at, which began, or was resumed, at this moment. By a clock that was set back two
    /// steps may begin at the same moment.
    pub fn in_step_ms(&mut self, step: usize, since: Moment) -> u64 {
        let began = match self.step {
            Some((known, from, began)) if (known, from) == (step, since) => began,
            Some(_) => self.passed_ms,
            None => 0,
        };
        self.step = Some((step, since, began));
        self.passed_ms - began
    }
}

/// Highest number of milliseconds between two looks that counts; an agent looks four times a second.
const LOOK_MS_MAX: u64 = 15_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn jumps_count_little_and_each_step_begins_anew() {
        let at = |millis: u64| Moment::from_millis(millis).unwrap();
        let mut time = SteadyTime::default();
        let first = at(100_000);
        assert_eq!((time.look(first), time.in_step_ms(0, first)), (0, 0));
        assert_eq!((time.look(at(101_000)), time.in_step_ms(0, first)), (1_000, 1_000));
        assert_eq!((time.look(at(90_000_000)), time.in_step_ms(0, first)), (16_000, 16_000), "ahead");
        assert_eq!((time.look(at(50_000)), time.in_step_ms(0, first)), (16_000, 16_000), "back");
        assert_eq!((time.look(at(51_000)), time.in_step_ms(0, first)), (17_000, 17_000));
        assert_eq!(time.in_step_ms(1, first), 0);
        assert_eq!((time.look(at(51_250)), time.in_step_ms(1, first)), (17_250, 250));
        assert_eq!(time.in_step_ms(1, at(51_250)), 0, "it was resumed");
    }
}
