//! The only place of the server that reads the system's clock.

use std::time::SystemTime;

use evidence::Moment;

/// The current time; the Epoch if the clock stands before it.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment::default().later_by(since)
}
