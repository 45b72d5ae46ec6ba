//! Calendars: rules and iCalendar files that people write, compiled to the intervals that judges read.
//!
//! Invariant: what a rule opens is never longer than its text, and what it closes is never shorter: at a change of the clock
//! an opening takes one reading of a local time (RFC 5545, 3.3.5), a closing takes both. A property that is not understood and
//! could move an event is an error that names its line. Zones are those bundled with this program, so two machines with
//! the same program compile the same bytes. The crate fetches nothing and has no clock.
//!
//! ```
//! use calendar::Compiler;
//!
//! let rules = b"version: 1\nzone: Europe/Berlin\nallow:\n  - { cron: '0 9 * * mon-thu', for: 7h }\n";
//! let compiler = Compiler { from: "2026-11-21T00:00:00.000Z".parse()?, days: 7, program: "example" };
//! let windows = compiler.compile("windows.yaml", rules, &|_| Err(std::io::ErrorKind::NotFound.into()))?;
//! assert_eq!(windows.open.len(), 4);
//! assert_eq!(windows.open[0].start.to_string(), "2026-11-23T08:00:00.000Z");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compile;
mod cron;
mod days;
mod error;
mod ics;
mod length;
mod recur;
mod rules;
mod spans;
mod zone;

pub use compile::{Compiler, DAYS_MAX, compile_file, start_of_day};
pub use days::{LocalDay, days};
pub use error::CalendarError;
pub use ics::{BYTES_MAX as CALENDAR_BYTES_MAX, summary};
pub use rules::BYTES_MAX as RULES_BYTES_MAX;
pub use zone::{VERSION as ZONES_VERSION, Zone};
