//! Hours of the week in which something counts, in UTC.
//!
//! Invariant: a window counts from its first minute until just before its end. One that ends at or before its beginning goes over
//! midnight and belongs to the day on which it begins. There is no time zone, so no change of the clocks moves it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Moment;

/// One window on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Days on which the window begins.
    pub days: BTreeSet<Day>,
    /// First minute.
    pub from: ClockTime,
    /// The minute at which it has ended.
    pub to: ClockTime,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A minute of a day, written `08:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

/// The text is no window of hours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` names no hours: expected days and two times in UTC, such as `mon-fri 08:00-18:00` or `sat,sun 22:00-02:00`"
)]
pub struct HoursError(String);

/// The text is no time of a day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a time of a day: expected `00:00` to `23:59`")]
pub struct ClockTimeError(String);

impl Hours {
    /// Whether a moment lies in the window.
    #[must_use]
    pub fn has(&self, moment: Moment) -> bool {
        let (today, now) = (Day::of(moment), ClockTime::of(moment));
        let begins = |day: Day| self.days.contains(&day);
        if self.from < self.to {
            return begins(today) && self.from <= now && now < self.to;
        }
        (begins(today) && self.from <= now) || (begins(today.before()) && now < self.to)
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.days.is_empty() {
            return Some("its hours name no day");
        }
        (self.from == self.to)
            .then_some("its hours begin and end at one time, so nobody can say how long they are")
    }
}

impl Day {
    /// All days, from Monday on.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// The day of a moment, in UTC.
    #[must_use]
    pub fn of(moment: Moment) -> Self {
        // 1 January 1970 was a Thursday.
        Self::at(moment.millis() / DAY_MILLIS + 3)
    }

    fn at(number: u64) -> Self {
        let day = usize::try_from(number % 7).ok().and_then(|number| Self::ALL.get(number));
        day.copied().unwrap_or(Self::Mon)
    }

    fn before(self) -> Self {
        Self::at(self.number() + 6)
    }

    const fn number(self) -> u64 {
        match self {
            Self::Mon => 0,
            Self::Tue => 1,
            Self::Wed => 2,
            Self::Thu => 3,
            Self::Fri => 4,
            Self::Sat => 5,
            Self::Sun => 6,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|day| day.as_str() == text)
    }
}

impl ClockTime {
    fn of(moment: Moment) -> Self {
        Self(u16::try_from(moment.millis() % DAY_MILLIS / MINUTE_MILLIS).unwrap_or_default())
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for ClockTime {
    type Err = ClockTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ClockTimeError(text.chars().take(20).collect());
        let (hour, minute) = text.split_once(':').ok_or_else(fault)?;
        let number = |text: &str| text.parse::<u16>().map_err(|_| fault());
        let (hour, minute) = (number(hour)?, number(minute)?);
        let time = Self(hour.saturating_mul(60).saturating_add(minute));
        // One spelling: a number out of range would come out as another text.
        if hour < 24 && minute < 60 && time.to_string() == text { Ok(time) } else { Err(fault()) }
    }
}

impl TryFrom<String> for ClockTime {
    type Error = ClockTimeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<_> = self.days.iter().map(|day| day.as_str()).collect();
        write!(f, "{} {}-{} UTC", days.join(","), self.from, self.to)
    }
}

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || HoursError(text.chars().take(80).collect());
        let (days, times) = text.trim().split_once(' ').ok_or_else(fault)?;
        let (from, to) = times.trim().split_once('-').ok_or_else(fault)?;
        let time = |text: &str| text.parse().map_err(|_| fault());
        let mut named = BTreeSet::new();
        for part in days.split(',') {
            named.extend(days_of(part).ok_or_else(fault)?);
        }
        let hours = Self { days: named, from: time(from)?, to: time(to)? };
        if hours.fault().is_some() { Err(fault()) } else { Ok(hours) }
    }
}

/// The days of `mon` or `mon-fri`. `sat-mon` goes over the end of the week.
fn days_of(text: &str) -> Option<Vec<Day>> {
    let Some((first, last)) = text.split_once('-') else { return Some(vec![Day::named(text)?]) };
    let (first, last) = (Day::named(first)?, Day::named(last)?);
    let length = (last.number() + 7 - first.number()) % 7;
    Some((0..=length).map(|n| Day::at(first.number() + n)).collect())
}

const MINUTE_MILLIS: u64 = 60_000;
const DAY_MILLIS: u64 = 24 * 60 * MINUTE_MILLIS;

#[cfg(test)]
mod tests {
    use super::*;

    fn has(hours: &str, moment: &str) -> bool {
        hours.parse::<Hours>().unwrap().has(moment.parse().unwrap())
    }

    /// 29 November 2026 is a Sunday.
    #[test]
    fn a_window_counts_from_its_first_minute_until_just_before_its_end() {
        let work = "mon-fri 08:00-18:00";
        for (moment, counts) in [
            ("2026-11-30T07:59:59.999Z", false),
            ("2026-11-30T08:00:00.000Z", true),
            ("2026-11-30T17:59:59.999Z", true),
            ("2026-11-30T18:00:00.000Z", false),
            ("2026-11-29T12:00:00.000Z", false),
            ("2026-12-04T12:00:00.000Z", true),
            ("2026-12-05T12:00:00.000Z", false),
        ] {
            assert_eq!(has(work, moment), counts, "{moment}");
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = "fri 22:00-02:00";
        for (moment, counts) in [
            ("2026-12-04T01:59:59.999Z", false),
            ("2026-12-04T21:59:59.999Z", false),
            ("2026-12-04T22:00:00.000Z", true),
            ("2026-12-05T00:00:00.000Z", true),
            ("2026-12-05T01:59:59.999Z", true),
            ("2026-12-05T02:00:00.000Z", false),
            ("2026-12-05T22:00:00.000Z", false),
        ] {
            assert_eq!(has(night, moment), counts, "{moment}");
        }
        assert!(has("sun 22:00-00:00", "2026-11-29T23:59:59.999Z"), "until the end of the day");
        assert!(!has("sun 22:00-00:00", "2026-11-30T00:00:00.000Z"));
        assert!(has("sun 22:00-06:00", "2026-11-30T05:00:00.000Z"), "from Sunday into Monday");
    }

    #[test]
    fn days_are_named_alone_or_from_one_to_another() {
        let days = |text: &str| text.parse::<Hours>().unwrap().to_string();
        assert_eq!(days("mon-wed,sat 08:00-18:00"), "mon,tue,wed,sat 08:00-18:00 UTC");
        assert_eq!(days("sat-mon 08:00-18:00"), "mon,sat,sun 08:00-18:00 UTC");
        assert_eq!(days("mon-mon 00:00-23:59"), "mon 00:00-23:59 UTC");
        for bad in [
            "",
            "08:00-18:00",
            "mon",
            "mon 08:00",
            "mon 8:00-18:00",
            "mon 08:00-24:00",
            "mon 08:60-18:00",
            "mon 08:00-08:00",
            "mo 08:00-18:00",
            "Mon 08:00-18:00",
            "mon, 08:00-18:00",
            "mon 08:00-+9:00",
            "mon 08:00-18:00 CET",
        ] {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
    }
}
