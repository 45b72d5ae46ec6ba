//! Weeks of a figure: they begin on Monday, 00:00 UTC, and the last one is the current week.

use evidence::Moment;

/// Number of weeks that are shown.
pub const WEEKS: usize = 12;
/// Number of weeks that the value of a figure is about, and of those that it is compared with.
pub const RECENT: usize = 4;

/// The weeks up to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weeks {
    /// Days from 1970-01-01 to the first Monday.
    first: u64,
}

impl Weeks {
    /// The weeks up to a moment, which lies in the last one.
    #[must_use]
    pub const fn until(now: Moment) -> Self {
        let day = now.millis() / DAY_MS;
        // 1970-01-01 was a Thursday, three days after a Monday.
        let monday = day.saturating_sub((day + 3) % 7);
        Self { first: monday.saturating_sub(7 * (WEEKS as u64 - 1)) }
    }

    /// The week of a moment, counted from 0; `None` if it is earlier or later.
    #[must_use]
    pub fn of(self, moment: Moment) -> Option<usize> {
        let days = (moment.millis() / DAY_MS).checked_sub(self.first)?;
        usize::try_from(days / 7).ok().filter(|week| *week < WEEKS)
    }

    /// The first moment of a week. The week after the last one has one, too.
    #[must_use]
    pub fn start(self, week: usize) -> Moment {
        Moment::from_millis((self.first + 7 * week as u64) * DAY_MS).unwrap_or(Moment::LAST)
    }

    /// The name of a week: its first day.
    #[must_use]
    pub fn label(self, week: usize) -> String {
        if week + 1 == WEEKS {
            return "this week".to_owned();
        }
        let start = self.start(week).to_string();
        start.get(..10).unwrap_or(&start).to_owned()
    }
}

const DAY_MS: u64 = 86_400_000;
