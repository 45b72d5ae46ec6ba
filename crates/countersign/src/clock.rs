//! The one place of the command line that asks the system's clock, and the usual spans of statements.

use std::time::{Duration, SystemTime};

use evidence::Moment;

use crate::failure::Failure;

/// How long roots and enrolments are made for.
pub const YEAR: Duration = Duration::from_hours(24 * 365);
/// How long a status is made for.
pub const MONTH: Duration = Duration::from_hours(24 * 30);

/// Now.
pub fn now() -> Result<Moment, Failure> {
    Ok(Moment::default().later_by(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?))
}

/// Now, for roles that run for long; a clock before the Epoch counts as the Epoch, which nothing accepts.
pub fn moment() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment::default().later_by(since.unwrap_or_default())
}
