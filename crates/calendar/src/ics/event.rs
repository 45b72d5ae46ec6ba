//! Events: what the properties of a `VEVENT` say about time (RFC 5545, 3.6.1).
//!
//! Invariant: properties that say something about time are read; those that say nothing are named here; all others are
//! errors. An event has a length.

use super::component::RawEvent;
use super::lines::{Line, place};
use super::repeat::{self, Until};
use super::value::{self, Form, Length, Values, When};
use crate::error::{CalendarError, What, quoted, what};
use crate::recur::Repeat;

/// An event.
#[derive(Debug)]
pub(super) struct Event {
    /// Number of its first line.
    pub number: usize,
    pub uid: String,
    pub start: When,
    pub length: Length,
    pub repeat: Option<(Repeat, Option<Until>)>,
    /// Further starts.
    pub added: Vec<When>,
    /// Starts that do not happen.
    pub removed: Vec<When>,
    /// The start of the series that this event replaces.
    pub replaces: Option<When>,
    pub cancelled: bool,
}

/// Highest number of further and removed starts of one event.
const STARTS_MAX: usize = 10_000;

/// Properties that say nothing about time here. `TRANSP` is for people who are invited; an event is one for all.
const SILENT: [&str; 26] = [
    "DTSTAMP",
    "CREATED",
    "LAST-MODIFIED",
    "SEQUENCE",
    "SUMMARY",
    "DESCRIPTION",
    "LOCATION",
    "CATEGORIES",
    "CLASS",
    "CONTACT",
    "COMMENT",
    "ATTENDEE",
    "ORGANIZER",
    "PRIORITY",
    "URL",
    "GEO",
    "TRANSP",
    "ATTACH",
    "RESOURCES",
    "RELATED-TO",
    "REQUEST-STATUS",
    "COLOR",
    "IMAGE",
    "CONFERENCE",
    "STYLED-DESCRIPTION",
    "STRUCTURED-DATA",
];

/// The lines of an event by their meaning.
#[derive(Default)]
struct Parts<'a> {
    single: Vec<(&'a str, &'a Line)>,
    added: Vec<&'a Line>,
    removed: Vec<&'a Line>,
}

/// Properties that stand at most once.
const SINGLE: [&str; 7] = ["UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID", "STATUS"];

/// Reads an event.
pub(super) fn read(file: &str, raw: &RawEvent<'_>, values: &mut Values<'_>) -> Result<Event, CalendarError> {
    let mut parts = Parts::default();
    for line in &raw.lines {
        sort(line, &mut parts).map_err(|what| what.at(place(file, line.number)))?;
    }
    let at = |line: &Line, what: What| what.at(place(file, line.number));
    let whole = |what: What| what.at(place(file, raw.number));
    let single = |name: &str| parts.single.iter().find(|(found, _)| *found == name).map(|(_, line)| *line);
    let Some(uid) = single("UID").filter(|line| !line.value.is_empty()) else {
        return Err(whole(What("the event has no UID".into())));
    };
    let Some(first) = single("DTSTART") else { return Err(whole(What("the event has no DTSTART".into()))) };
    let start = values.when_of(first).map_err(|what| at(first, what))?;
    let length = match (single("DTEND"), single("DURATION")) {
        (Some(line), None) => {
            values.when_of(line).and_then(|end| until(&start, &end)).map_err(|what| at(line, what))?
        }
        (None, Some(line)) => lasts(&start, line).map_err(|what| at(line, what))?,
        (None, None) if start.form == Form::Date => Length::Nominal { days: 1, seconds: 0 },
        (None, None) => return Err(whole(What("the event has no length; give it DTEND or DURATION".into()))),
        (Some(line), Some(_)) => return Err(at(line, What("DTEND and DURATION are both given".into()))),
    };
    let repeat = match single("RRULE") {
        Some(line) if line.parameters.is_empty() => {
            Some(repeat::read(&line.value, &start).map_err(|what| at(line, what))?)
        }
        Some(line) => return Err(at(line, What("RRULE has no parameters".into()))),
        None => None,
    };
    let added = starts(file, &parts.added, &start, values)?;
    let removed = starts(file, &parts.removed, &start, values)?;
    let replaces = match single("RECURRENCE-ID") {
        Some(line) => Some(values.when_of(line).map_err(|what| at(line, what))?),
        None => None,
    };
    if replaces.is_some() && (repeat.is_some() || !added.is_empty() || !removed.is_empty()) {
        return Err(whole(What(
            "an event with RECURRENCE-ID repeats; it can only replace one start of its series".into(),
        )));
    }
    let cancelled = match single("STATUS") {
        Some(line) => is_cancelled(line).map_err(|what| at(line, what))?,
        None => false,
    };
    Ok(Event {
        number: raw.number,
        uid: uid.value.clone(),
        start,
        length,
        repeat,
        added,
        removed,
        replaces,
        cancelled,
    })
}

fn sort<'a>(line: &'a Line, parts: &mut Parts<'a>) -> Result<(), What> {
    match line.name.as_str() {
        name if SINGLE.contains(&name) => {
            if parts.single.iter().any(|(found, _)| *found == name) {
                return what(format!("{name} stands twice in one event"));
            }
            parts.single.push((name, line));
        }
        "RDATE" => parts.added.push(line),
        "EXDATE" => parts.removed.push(line),
        name if SILENT.contains(&name) || name.starts_with("X-") => {}
        name => {
            return what(format!(
                "`{}` is not known here, and could change when the event is; remove it from the file",
                quoted(name)
            ));
        }
    }
    Ok(())
}

fn starts(
    file: &str,
    lines: &[&Line],
    start: &When,
    values: &mut Values<'_>,
) -> Result<Vec<When>, CalendarError> {
    let mut found = Vec::new();
    for line in lines {
        let at = |what: What| what.at(place(file, line.number));
        let more = values.whens(line).map_err(at)?;
        if more.iter().any(|when| (when.form == Form::Date) != (start.form == Form::Date)) {
            return Err(at(What("DTSTART and this line are not both dates, or both times".into())));
        }
        found.extend(more);
        if found.len() > STARTS_MAX {
            return Err(at(What("an event has at most 10,000 further or removed starts".into())));
        }
    }
    Ok(found)
}

/// The length until an end. That of times is exact, so an event is as long after a change of the clock (RFC 5545, 3.8.5.3).
fn until(start: &When, end: &When) -> Result<Length, What> {
    let length = match (start.form, end.form) {
        (Form::Date, Form::Date) => {
            let days =
                i64::from(start.local.date().until(end.local.date()).map_or(0, |span| span.get_days()));
            Length::Nominal { days, seconds: 0 }
        }
        (Form::Date, _) | (_, Form::Date) => {
            return what("DTSTART and DTEND are not both dates, or both times");
        }
        _ => Length::Exact(end.moment()? - start.moment()?),
    };
    let is_positive = matches!(length, Length::Exact(1..) | Length::Nominal { days: 1.., .. });
    if is_positive { Ok(length) } else { what("DTEND is not after DTSTART") }
}

fn lasts(start: &When, line: &Line) -> Result<Length, What> {
    if !line.parameters.is_empty() {
        return what("DURATION has no parameters");
    }
    match (value::duration(&line.value)?, start.form) {
        (Length::Nominal { seconds: 1.., .. }, Form::Date) => what("an event of dates lasts whole days"),
        (length, _) => Ok(length),
    }
}

fn is_cancelled(line: &Line) -> Result<bool, What> {
    match line.value.to_ascii_uppercase().as_str() {
        "CANCELLED" => Ok(true),
        "CONFIRMED" | "TENTATIVE" => Ok(false),
        other => what(format!("STATUS `{}` is not known", quoted(other))),
    }
}
