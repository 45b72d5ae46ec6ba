//! iCalendar files (RFC 5545, <https://www.rfc-editor.org/rfc/rfc5545>): events, as times in which something holds.
//!
//! Invariant: each property of an event is known, or is known to say nothing about time, or is an error that names its line.
//! Zones are those of their names: `VTIMEZONE` is not read. `VALARM`, `VTODO` and `VJOURNAL` are no events and say nothing here.
//! Size, lines, events and what recurrence may cost are bounded.

mod component;
mod event;
mod lines;
mod occurrences;
mod repeat;
mod value;

pub use lines::BYTES_MAX;
pub(crate) use occurrences::span;
pub(crate) use value::Length;

use crate::error::CalendarError;
use crate::recur::Budget;
use crate::zone::Zone;

/// The cost that all recurrences of one file may have: periods and dates.
pub(crate) const BUDGET: u64 = 1_000_000;

/// The times of all events of a calendar that end after `from` and start before `until`, in any order. `closes` says how
/// local times at changes of the clock are read.
pub(crate) fn spans(
    name: &str,
    bytes: &[u8],
    zone: Option<&Zone>,
    closes: bool,
    (from, until): (i64, i64),
) -> Result<Vec<(i64, i64)>, CalendarError> {
    let events = read(name, bytes, zone)?;
    let mut spans = Vec::new();
    let mut budget = Budget(BUDGET);
    // Readings of one local time are less than a day apart.
    occurrences::spans(name, &events, closes, until + 86_400, &mut budget, &mut |start, end| {
        if end > from && start < until {
            spans.push((start, end));
        }
    })?;
    Ok(spans)
}

/// The number of events of a calendar, for people who import it.
///
/// # Errors
/// `CalendarError` names the line that this program does not understand.
pub fn summary(name: &str, bytes: &[u8], zone: Option<&Zone>) -> Result<usize, CalendarError> {
    read(name, bytes, zone).map(|events| events.len())
}

fn read(name: &str, bytes: &[u8], zone: Option<&Zone>) -> Result<Vec<event::Event>, CalendarError> {
    let lines = lines::read(name, bytes)?;
    let raw = component::events(name, &lines)?;
    let mut values = value::Values::new(zone);
    raw.iter().map(|raw| event::read(name, raw, &mut values)).collect()
}
