//! The one place of the server that asks the system's clock.

use std::time::SystemTime;

use evidence::Moment;

/// Now, or the Epoch on a machine whose clock stands before it.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment::default().later_by(since)
}
