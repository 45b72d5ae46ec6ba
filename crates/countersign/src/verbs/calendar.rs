//! `countersign calendar`: rules and calendars become windows, which show when releases may begin.

use std::path::PathBuf;

use ::calendar::{CALENDAR_BYTES_MAX, DAYS_MAX, Zone, start_of_day};
use clap::{Args, Subcommand};
use client::clock::now;
use client::{feed, files};
use evidence::{Digest, Moment};
use serde::Serialize;
use shown::shell;

use super::calendar_rules::compiled;
use super::calendar_show::{Show, show};
use super::runtime;
use crate::failure::Failure;
use crate::output::Output;

/// Subcommands of `calendar`.
#[derive(Debug, Subcommand)]
pub enum Calendar {
    /// Compile rules and calendars to windows: the times in which releases may begin, at most 400 days ahead.
    Compile(Compile),
    /// Show the next two weeks of places that have windows, or of a file.
    Show(Show),
    /// Fetch a calendar into a file, or look at one, and print its digest for the rules.
    Import(Import),
}

/// Arguments of `calendar compile`.
#[derive(Debug, Args)]
pub struct Compile {
    /// File of rules, in YAML. Calendars that it names are read below its directory.
    file: PathBuf,
    /// First day, in UTC, such as `2026-11-23`; default: today. Signers who compile for the same day get the same bytes.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<Moment>,
    /// Number of days; releases are held after them, unless the place has newer windows.
    #[arg(long, default_value_t = DAYS_MAX, value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
    /// File to write the windows to; default: the name of the rules with `.json`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `calendar import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Address of a feed (`https`, `webcal`), or a file.
    source: String,
    /// File to write a feed to; default: the last part of its address, if that ends with `.ics`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct CompileReport {
    file: PathBuf,
    digest: Digest,
    from: Moment,
    until: Moment,
    intervals: usize,
    next: String,
}

#[derive(Debug, Serialize)]
struct ImportReport {
    file: PathBuf,
    digest: Digest,
    /// Digest of the file before, if it was there and differed.
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<Digest>,
    events: usize,
    rule: String,
}

/// Runs a subcommand.
pub fn run(verb: &Calendar, output: Output) -> Result<(), Failure> {
    match verb {
        Calendar::Compile(verb) => compile(verb, output),
        Calendar::Show(verb) => show(verb, output),
        Calendar::Import(verb) => import(verb, output),
    }
}

fn compile(verb: &Compile, output: Output) -> Result<(), Failure> {
    let from = verb.from.map_or_else(|| now().map(start_of_day), Ok)?;
    let windows = compiled(&verb.file, from, verb.days)?;
    let file = verb.out.clone().unwrap_or_else(|| verb.file.with_extension("json"));
    let bytes = windows.encode().map_err(Failure::error)?;
    files::write_shared(&file, &bytes)?;
    let report = CompileReport {
        digest: Digest::of(&bytes),
        from: windows.from,
        until: windows.until,
        intervals: windows.open.len(),
        next: format!("countersign trust environment PLACE --windows {}", shell::path(&file)),
        file,
    };
    output.print(&report, |report| {
        format!(
            "{} open times from {} until {}; after that no release begins\nwritten to `{}` ({})\nnext: {}",
            report.intervals,
            report.from,
            report.until,
            report.file.display(),
            report.digest,
            report.next
        )
    })
}

fn import(verb: &Import, output: Output) -> Result<(), Failure> {
    let (file, bytes) = if feed::is_address(&verb.source) {
        let Some(file) = verb.out.clone().or_else(|| last_part(&verb.source)) else {
            return Err(Failure::usage(
                "the address does not end with `.ics`: name a file with `--out FILE`",
            ));
        };
        (file, runtime()?.block_on(feed::fetch(&verb.source, CALENDAR_BYTES_MAX))?)
    } else {
        let file = PathBuf::from(&verb.source);
        let read = disk::read_bounded(&file, CALENDAR_BYTES_MAX as u64);
        let (bytes, _) =
            read.map_err(|error| Failure::error(format!("cannot read `{}`: {error}", file.display())))?;
        (verb.out.clone().unwrap_or(file), bytes)
    };
    let name = file.display().to_string();
    // Dates of no zone are those of the rule that uses the calendar.
    let events = ::calendar::summary(&name, &bytes, Some(&Zone::utc())).map_err(Failure::error)?;
    let digest = Digest::of(&bytes);
    let before =
        disk::read_bounded(&file, CALENDAR_BYTES_MAX as u64).ok().map(|(bytes, _)| Digest::of(&bytes));
    if before != Some(digest) {
        files::write_shared(&file, &bytes)?;
    }
    let rule = format!("- {{ calendar: {name}, digest: \"{digest}\" }}");
    let former = before.filter(|before| *before != digest);
    output.print(&ImportReport { file, digest, former, events, rule }, |report| {
        let before = report.former.map(|former| format!("; it was {former}")).unwrap_or_default();
        let digest = report.digest;
        let what = format!("`{name}` has {} events, {digest}{before}", report.events);
        format!("{what}\nlook at it, then name it below `allow` or `deny` of your rules:\n  {}", report.rule)
    })
}

fn last_part(address: &str) -> Option<PathBuf> {
    let path = address.split(['?', '#']).next()?;
    let name = path.rsplit('/').next()?;
    name.strip_suffix(".ics").filter(|stem| !stem.is_empty()).map(|_| PathBuf::from(name))
}

/// The start of a day, in UTC.
fn day(text: &str) -> Result<Moment, String> {
    format!("{text}T00:00:00.000Z").parse().map_err(|_| "a date such as `2026-11-23` is expected".to_owned())
}
