//! Working time: the course of an installation is spread over the working hours of many weeks, which end at a moment.
//!
//! Invariant: time only goes forward, and never beyond the end.

use evidence::Moment;

use crate::machine;

/// The working hours, and the current moment in them.
#[derive(Debug)]
pub struct Calendar {
    /// Ends of the working days, in milliseconds since 1970, the earliest first.
    ends: Vec<u64>,
    /// Working time that has passed, in milliseconds.
    passed: u64,
}

impl Calendar {
    /// The working days of this many weeks; the last one ends at the given moment.
    pub fn before(end: Moment, weeks: u64) -> Self {
        let back = (0..weeks * 7).rev().map(|days| (days, end.millis() - days * DAY));
        let ends = back.filter(|(days, end)| *days == 0 || is_weekday(*end)).map(|(_, end)| end).collect();
        let calendar = Self { ends, passed: 0 };
        machine::set_now(calendar.now());
        calendar
    }

    /// All of the working time, in milliseconds.
    pub fn whole(&self) -> u64 {
        self.ends.len() as u64 * WORK
    }

    /// The current moment in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        let day = usize::try_from(self.passed / WORK).unwrap().min(self.ends.len() - 1);
        self.ends[day] - WORK + (self.passed - day as u64 * WORK)
    }

    /// Lets working time pass.
    pub fn pass(&mut self, millis: u64) {
        self.reach(self.passed + millis);
    }

    /// Goes forward to a point of the working time, unless it has passed.
    pub fn reach(&mut self, passed: u64) {
        self.passed = passed.clamp(self.passed, self.whole());
        machine::set_now(self.now());
    }
}

/// 1970 began on a Thursday.
const fn is_weekday(millis: u64) -> bool {
    let weekday = (millis / DAY + 4) % 7;
    weekday != 0 && weekday != 6
}

/// Milliseconds of a day, and of its working time.
const DAY: u64 = 86_400_000;
const WORK: u64 = 10 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::{Calendar, DAY, WORK};

    #[test]
    fn time_passes_on_working_days_and_ends_at_the_end() {
        // A Wednesday.
        let end: evidence::Moment = "2026-11-25T15:00:00.000Z".parse().unwrap();
        let mut calendar = Calendar::before(end, 2);
        assert_eq!(calendar.whole(), 10 * WORK);
        let mut days = Vec::new();
        for _ in 0..10 {
            days.push((calendar.now() / DAY + 4) % 7);
            calendar.pass(WORK);
        }
        assert_eq!(days, [4, 5, 1, 2, 3, 4, 5, 1, 2, 3]);
        assert_eq!(calendar.now(), end.millis());
        calendar.pass(WORK);
        assert_eq!(calendar.now(), end.millis(), "it does not go beyond the end");
    }
}
