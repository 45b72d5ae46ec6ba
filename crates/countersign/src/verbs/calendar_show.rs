//! `countersign calendar show`: the next two weeks of places that have windows, or of a file.

use std::path::{Path, PathBuf};

use ::calendar::{DAYS_MAX, LocalDay, Zone, days, start_of_day};
use clap::Args;
use client::clock::now;
use client::{places, session, windows};
use evidence::windows::{BYTES_MAX, WindowState, Windows};
use evidence::{Moment, Place};
use serde::Serialize;

use super::calendar_rules::compiled;
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `calendar show`.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: every place that has windows.
    #[arg(conflicts_with = "file")]
    place: Option<Place>,
    /// File of rules or windows to show instead of places; no server is asked.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Zone of the times that are shown.
    #[arg(long, default_value = "UTC", value_parser = zone)]
    zone: Zone,
    /// Moment to begin with, in UTC, such as `2026-11-23T09:00:00.000Z`; default: now.
    #[arg(long, value_name = "MOMENT")]
    at: Option<Moment>,
    /// Number of days to show.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=400))]
    days: u16,
}

#[derive(Debug, Serialize)]
struct ShowReport {
    at: Moment,
    zone: String,
    calendars: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    /// The place or file.
    of: String,
    frozen: bool,
    /// Whether releases may begin at the moment.
    open: bool,
    /// When that changes; absent if it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Moment>,
    /// The end of the windows, after which no release begins; absent without windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
    days: Vec<LocalDay>,
}

/// Shows the calendars.
pub fn show(verb: &Show, output: Output) -> Result<(), Failure> {
    let at = verb.at.map_or_else(now, Ok)?;
    let shown = |of: String, frozen: bool, windows: Option<&Windows>| shown(verb, at, of, frozen, windows);
    let calendars = match &verb.file {
        Some(file) => vec![shown(file.display().to_string(), false, Some(&of_file(file, at)?))],
        None => {
            let found = of_places(verb)?;
            found
                .iter()
                .map(|it| shown(it.view.place.to_string(), it.view.frozen, it.windows.as_ref()))
                .collect()
        }
    };
    let report = ShowReport { at, zone: verb.zone.name().to_owned(), calendars };
    output.print(&report, text)
}

fn of_file(file: &Path, at: Moment) -> Result<Windows, Failure> {
    let unread = |error| Failure::error(format!("cannot read `{}`: {error}", file.display()));
    let (bytes, _) = disk::read_bounded(file, BYTES_MAX as u64).map_err(unread)?;
    if bytes.starts_with(b"{\"") {
        return Windows::decode(&bytes).map_err(Failure::error);
    }
    compiled(file, start_of_day(at), DAYS_MAX)
}

fn of_places(verb: &Show) -> Result<Vec<windows::PlaceWindows>, Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let (root, pin) = trust::pinned_root_of(&access)?;
    if let Some(place) = &verb.place {
        places::named(runtime.block_on(client.places())?, place)?;
    }
    let mut found = runtime.block_on(windows::of_places(&client, &root, &pin, verb.place.as_ref()))?;
    if verb.place.is_none() {
        found.retain(|it| it.windows.is_some());
    }
    Ok(found)
}

fn shown(verb: &Show, at: Moment, of: String, frozen: bool, windows: Option<&Windows>) -> Shown {
    let (open, changes) = match windows.map(|windows| windows.state_at(at)) {
        None => (true, None),
        Some(WindowState::Open { until }) => (true, Some(until)),
        Some(WindowState::Closed { opens }) => (false, opens),
    };
    let days = windows.map(|windows| days(windows, &verb.zone, at, verb.days)).unwrap_or_default();
    Shown { of, frozen, open, changes, until: windows.map(|windows| windows.until), days }
}

fn text(report: &ShowReport) -> String {
    if report.calendars.is_empty() {
        return "no place has windows: releases begin at any time; docs/operating/windows.md says how a place gets them".into();
    }
    let mut lines = Vec::new();
    for it in &report.calendars {
        let state = match (it.open, it.changes) {
            (true, None) => "releases begin at any time".to_owned(),
            (true, Some(until)) => format!("open until {until}"),
            (false, Some(opens)) => format!("closed until {opens}"),
            (false, None) => "closed, and never open again: sign newer windows".to_owned(),
        };
        let frozen = if it.frozen { "; frozen, so no release begins" } else { "" };
        lines.push(format!("{}: {state}{frozen}", it.of));
        lines.extend(it.days.iter().map(|day| format!("  {} {}  {}", day.weekday, day.date, times(day))));
        lines.extend(it.until.map(|until| format!("  the windows end {until}")));
    }
    lines.push(format!("times of days are those of {}", report.zone));
    lines.join("\n")
}

fn times(day: &LocalDay) -> String {
    let times: Vec<_> = day.open.iter().map(|(from, until)| format!("{from}-{until}")).collect();
    if times.is_empty() { "closed".to_owned() } else { times.join("  ") }
}

fn zone(name: &str) -> Result<Zone, String> {
    Zone::named(name)
        .ok_or_else(|| "a zone of the IANA database is expected, such as `Europe/Berlin`".to_owned())
}
