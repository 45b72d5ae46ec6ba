//! The only place of the command line that reads the system's clock, and the usual validity spans of statements.

use std::time::{Duration, SystemTime};

use evidence::Moment;

use crate::error::Error;

/// Validity of roots and enrolments.
pub const YEAR: Duration = Duration::from_hours(24 * 365);
/// Validity of a status.
pub const MONTH: Duration = Duration::from_hours(24 * 30);

/// The current time; an error if the clock stands before the Epoch.
pub fn now() -> Result<Moment, Error> {
    Ok(Moment::default().later_by(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?))
}

/// The current time, for roles that run for long. A clock before the Epoch counts as the Epoch, which no check accepts.
pub fn moment() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment::default().later_by(since.unwrap_or_default())
}
