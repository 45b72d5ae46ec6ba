//! Moments: milliseconds since the Epoch, written in UTC with three decimals
//! (<https://www.rfc-editor.org/rfc/rfc3339>).
//!
//! Invariant: one spelling (`2026-11-21T02:41:44.123Z`), from 1970 to 30 December 9999. This module deliberately has no
//! clock: callers pass moments in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment in milliseconds since the Epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(u64);

/// The text or number is not a moment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a moment: expected UTC with milliseconds, such as `2026-11-21T02:41:44.123Z`")]
pub struct MomentError(String);

impl Moment {
    /// The last moment that can be expressed.
    pub const LAST: Self = Self(MILLIS_MAX);

    /// Creates a moment from milliseconds since the Epoch.
    ///
    /// # Errors
    /// `MomentError` when the number is larger.
    pub fn from_millis(millis: u64) -> Result<Self, MomentError> {
        if millis <= MILLIS_MAX { Ok(Self(millis)) } else { Err(MomentError(millis.to_string())) }
    }

    /// Milliseconds since the Epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The moment later by `span`, or the last moment if that is later than it.
    #[must_use]
    pub fn later_by(self, span: Duration) -> Self {
        let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(span).min(MILLIS_MAX))
    }

    /// Whole days since an earlier moment. A later one is no days ago.
    #[must_use]
    pub const fn days_since(self, then: Self) -> u64 {
        self.0.saturating_sub(then.0) / DAY_MILLIS
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = i64::try_from(self.0).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        write!(f, "{:.3}", stamp.ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Moment({self})")
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || MomentError(text.chars().take(40).collect());
        let stamp: Timestamp = text.parse().map_err(|_| wrong())?;
        let millis = u64::try_from(stamp.as_millisecond()).map_err(|_| wrong())?;
        let moment = Self::from_millis(millis).map_err(|_| wrong())?;
        if moment.to_string() == text { Ok(moment) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Moment {
    type Error = MomentError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

const DAY_MILLIS: u64 = 24 * 3_600_000;
/// 9999-12-30T22:00:00.000Z, the last whole hour that can be written in every time zone.
const MILLIS_MAX: u64 = 253_402_207_200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = "2026-11-21T02:41:44.120Z";
        assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        assert_eq!(Moment::default().to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment::from_millis(MILLIS_MAX).unwrap().to_string(), "9999-12-30T22:00:00.000Z");
        for bad in [
            "2026-11-21T02:41:44Z",
            "2026-11-21T02:41:44.12Z",
            "2026-11-21T02:41:44.1200Z",
            "2026-11-21t02:41:44.120z",
            "2026-11-21T02:41:44.120+00:00",
            "2026-11-21 02:41:44.120Z",
            "1969-12-31T23:59:59.999Z",
            "2026-02-30T00:00:00.000Z",
            "2016-12-31T23:59:60.000Z",
            "",
            "now",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
        assert!(Moment::from_millis(u64::MAX).is_err());
    }

    #[test]
    fn days_are_whole_and_never_negative() {
        let then = Moment::from_millis(1_000).unwrap();
        for (millis, days) in
            [(0, 0), (1_000, 0), (DAY_MILLIS + 999, 0), (DAY_MILLIS + 1_000, 1), (9 * DAY_MILLIS, 8)]
        {
            assert_eq!(Moment::from_millis(millis).unwrap().days_since(then), days, "{millis}");
        }
    }
}
