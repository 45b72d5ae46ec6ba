//! Ids, names and moments that are the same in every run.

use std::sync::OnceLock;
use std::time::Duration;

use evidence::{Id, Moment, Name};

/// The moment at which everything here is judged, where nobody says otherwise.
pub const NOW: &str = "2026-11-21T12:00:00.000Z";

static BASE: OnceLock<Moment> = OnceLock::new();

/// Lets everything here be judged at another moment, for programs that look at their own clock; once, before
/// anything is made.
pub fn judged_at(now: Moment) {
    assert!(BASE.set(now).is_ok(), "the moment is set before anything is made");
}

/// A moment so many seconds from now on.
#[must_use]
pub fn at(seconds: i64) -> Moment {
    let now = *BASE.get_or_init(|| NOW.parse().unwrap());
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds >= 0 {
        return now.later_by(by);
    }
    Moment::from_millis(now.millis() - u64::try_from(by.as_millis()).unwrap()).unwrap()
}

/// An id of one repeated byte.
#[must_use]
pub fn id(n: u8) -> Id {
    Id::from_random([n; 16])
}

/// A name.
#[must_use]
pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}
