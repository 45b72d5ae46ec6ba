//! Components: the events of a calendar as their lines, everything else sorted out.
//!
//! Invariant: a component or a property of the whole calendar that could change the meaning of events and is not known is
//! an error. Zones, alarms, tasks and journals hold no times of events.

use super::lines::{Line, place};
use crate::error::{CalendarError, What, quoted, what};

/// Lines of one event.
#[derive(Debug)]
pub(super) struct RawEvent<'a> {
    /// Number of its first line.
    pub number: usize,
    pub lines: Vec<&'a Line>,
}

const EVENTS_MAX: usize = 10_000;
const DEPTH_MAX: usize = 4;

/// All events of a file, which can have several calendars.
pub(super) fn events<'a>(file: &str, lines: &'a [Line]) -> Result<Vec<RawEvent<'a>>, CalendarError> {
    let mut events: Vec<RawEvent<'a>> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for line in lines {
        let at = |what: What| what.at(place(file, line.number));
        let inside = open.iter().map(String::as_str).collect::<Vec<_>>();
        match (line.name.as_str(), inside.as_slice()) {
            ("BEGIN", inside) => {
                let kind = line.value.to_ascii_uppercase();
                begins(&kind, inside).map_err(at)?;
                if kind == "VEVENT" {
                    events.push(RawEvent { number: line.number, lines: Vec::new() });
                }
                open.push(kind);
            }
            ("END", inside) => {
                if inside.last() != Some(&line.value.to_ascii_uppercase().as_str()) {
                    return Err(at(What(format!("`{}` ends here, and did not begin", quoted(&line.value)))));
                }
                open.pop();
            }
            (_, []) => {
                return Err(at(What(
                    "it stands outside of a calendar; the file begins with `BEGIN:VCALENDAR`".into(),
                )));
            }
            (_, ["VCALENDAR"]) => of_calendar(line).map_err(at)?,
            (_, ["VCALENDAR", "VEVENT"]) => events.last_mut().map_or((), |event| event.lines.push(line)),
            _ => {}
        }
        if events.len() > EVENTS_MAX {
            return Err(at(What("a calendar has at most 10,000 events".into())));
        }
    }
    match open.last() {
        Some(kind) => Err(What(format!("`{}` does not end: the file was cut", quoted(kind))).at(file)),
        None if lines.is_empty() => Err(What("the file is empty".into()).at(file)),
        None => Ok(events),
    }
}

fn begins(kind: &str, inside: &[&str]) -> Result<(), What> {
    match (inside, kind) {
        ([], "VCALENDAR") => Ok(()),
        (["VCALENDAR"], "VEVENT" | "VTIMEZONE" | "VTODO" | "VJOURNAL") => Ok(()),
        (["VCALENDAR", "VEVENT"], "VALARM") => Ok(()),
        // Their parts say nothing about events.
        (["VCALENDAR", "VTIMEZONE" | "VTODO" | "VJOURNAL", ..], _) if inside.len() < DEPTH_MAX => Ok(()),
        _ => what(format!("`{}` is not known here; remove it from the file", quoted(kind))),
    }
}

fn of_calendar(line: &Line) -> Result<(), What> {
    let value = line.value.to_ascii_uppercase();
    match line.name.as_str() {
        "VERSION" if value != "2.0" => what("only version 2.0 is known"),
        "CALSCALE" if value != "GREGORIAN" => what("only the Gregorian calendar is known"),
        "METHOD" if value != "PUBLISH" => {
            what("only `METHOD:PUBLISH` is known; other methods change another calendar")
        }
        "VERSION" | "CALSCALE" | "METHOD" | "PRODID" | "NAME" | "DESCRIPTION" | "UID" | "LAST-MODIFIED"
        | "URL" | "CATEGORIES" | "REFRESH-INTERVAL" | "SOURCE" | "COLOR" | "IMAGE" => Ok(()),
        name if name.starts_with("X-") => Ok(()),
        name => what(format!("`{}` is not known here; remove it from the file", quoted(name))),
    }
}
