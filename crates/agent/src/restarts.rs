//! Restarts of the current release: their number, the last cause, and the time of the next attempt.
//!
//! Invariant: the pause between two attempts doubles up to a minute, and starts small again once the process has run for a
//! minute. There is no clock here: the caller passes the time.

use std::time::Duration;

use evidence::Moment;

/// Restarts of one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// How often the process ended by itself, or did not start.
    pub count: u32,
    /// Time of the first such event.
    pub since: Option<Moment>,
    /// The last such event: its cause and time.
    pub last: Option<(String, Moment)>,
    started: Option<Moment>,
    pause_ms: u64,
    due: Moment,
}

impl Restarts {
    /// Notes that the process has ended, or did not start.
    pub fn ended(&mut self, cause: &str, now: Moment) {
        let ran_ms = self.started.take().map_or(0, |started| now.millis().saturating_sub(started.millis()));
        if ran_ms >= STEADY_MS {
            self.pause_ms = 0;
        }
        self.count = self.count.saturating_add(1);
        self.since.get_or_insert(now);
        self.last = Some((cause.to_owned(), now));
        self.due = now.later_by(Duration::from_millis(self.pause_ms));
        self.pause_ms = self.pause_ms.saturating_mul(2).clamp(PAUSE_MS_MIN, PAUSE_MS_MAX);
    }

    /// Notes that the process runs.
    pub const fn started(&mut self, now: Moment) {
        self.started = Some(now);
    }

    /// Whether the next attempt is due. A clock that was set back does not delay it.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        let rest_ms = self.due.millis().saturating_sub(now.millis());
        rest_ms == 0 || rest_ms > PAUSE_MS_MAX
    }
}

const PAUSE_MS_MIN: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60_000;
const STEADY_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms).unwrap()
    }

    #[test]
    fn pauses_grow_and_begin_anew_after_a_steady_time() {
        let mut restarts = Restarts::default();
        let mut now = 1_000_000;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            restarts.ended("exit code 3", at(now));
            let pause = (0..).step_by(500).find(|wait| restarts.is_due(at(now + wait))).unwrap();
            pauses.push(pause);
            now += pause;
            restarts.started(at(now));
        }
        assert_eq!(pauses, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        restarts.ended("signal 9 (SIGKILL)", at(now + 60_000));
        assert!(restarts.is_due(at(now + 60_000)), "it had run for a minute");
        assert_eq!((restarts.count, restarts.since), (10, Some(at(1_000_000))));
        assert_eq!(restarts.last, Some(("signal 9 (SIGKILL)".to_owned(), at(now + 60_000))));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let mut restarts = Restarts::default();
        restarts.ended("x", at(10_000_000));
        restarts.ended("x", at(10_000_000));
        assert!(!restarts.is_due(at(10_000_500)));
        assert!(restarts.is_due(at(1_000_000)));
    }
}
