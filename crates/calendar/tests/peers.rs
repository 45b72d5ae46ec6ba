//! Calendars as other people's libraries read them: `recurring-ical-events` with `icalendar` and `python-dateutil`.
//!
//! They come with `cargo x setup --peers`; without them this test says that it was skipped, and with `cargo x test --peers`
//! missing ones fail. Times near changes of the clock are left to the table and to the slow reference, because these
//! libraries add lengths to local times.
#![expect(clippy::unwrap_used, reason = "test code")]

#[path = "support/slow_rule.rs"]
mod slow_rule;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use calendar::Compiler;
use evidence::{Digest, Moment};
use jiff::ToSpan as _;
use jiff::civil::Date;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use slow_rule::rule;

/// Directory of the libraries, if they were installed.
fn peers() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/calendars");
    if dir.join("recurring_ical_events").exists() {
        return Some(dir);
    }
    let wanted = std::env::var_os("COUNTERSIGN_PEERS").is_some();
    assert!(!wanted, "recurring-ical-events is missing: cargo x setup --peers");
    println!("skipped: recurring-ical-events is not here; `cargo x test --peers` fetches it");
    None
}

const CASES: usize = 300;
const DAYS: u32 = 390;
const ZONES: [&str; 4] = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"];

struct Case {
    text: String,
    from: Date,
}

/// Series of events by rules, at noon or on whole days, some with removed, added, moved and cancelled events.
fn cases() -> Vec<Case> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (rule(), 0..700_i32, 0..800_i32, 0..6_usize);
    let mut found = Vec::new();
    while found.len() < CASES {
        let (rule, around, later, kind) = strategy.new_tree(&mut runner).unwrap().current();
        if rule.differs_in_dateutil() {
            continue;
        }
        let earliest = Date::constant(2023, 5, 17) + around.days();
        let Some(start) = earliest.series(1.day()).take(500).find(|day| rule.is_on(*day, *day)) else {
            continue;
        };
        // A calendar may say when a series of times ends only in UTC.
        let is_timed = kind > 1 && !rule.text(start).contains("UNTIL");
        let dates = rule.dates(start, start + 900.days());
        let when = |name: &str, date: &Date, hour: i8| {
            let (date, zone) = (date.strftime("%Y%m%d"), ZONES.get(kind % 4).unwrap());
            match is_timed {
                true => format!("{name};TZID={zone}:{date}T{hour:02}0000\n"),
                false => format!("{name};VALUE=DATE:{date}\n"),
            }
        };
        let length = if is_timed { "DURATION:PT90M\n" } else { "DURATION:P1D\n" };
        let mut text = format!(
            "BEGIN:VEVENT\nUID:a\n{}{length}RRULE:{}\n",
            when("DTSTART", &start, 12),
            rule.text(start)
        );
        let (third, fifth, seventh) = (dates.get(2), dates.get(4), dates.get(6));
        third.iter().for_each(|date| text += &when("EXDATE", date, 12));
        let added = start + 5.days();
        text += &when("RDATE", &added, 12);
        text += "END:VEVENT\n";
        let of_series = |date: &&Date| **date != added;
        for (date, more) in [(fifth, ""), (seventh, "STATUS:CANCELLED\n")] {
            let Some(date) = date.filter(of_series) else { continue };
            let moved = when("DTSTART", &(*date + 1.day()), 15);
            write!(
                text,
                "BEGIN:VEVENT\nUID:a\n{}{moved}{length}{more}END:VEVENT\n",
                when("RECURRENCE-ID", date, 12)
            )
            .unwrap();
        }
        let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//peers//\n{text}END:VCALENDAR\n")
            .replace('\n', "\r\n");
        found.push(Case { text, from: start + (later - 100).days() });
    }
    found
}

fn ours(case: &Case) -> Vec<(i64, i64)> {
    let digest = Digest::of(case.text.as_bytes());
    let rules = format!("version: 1\nzone: UTC\nallow: [{{ calendar: a.ics, digest: '{digest}' }}]");
    let from: Moment = format!("{}T00:00:00.000Z", case.from).parse().unwrap();
    let compiler = Compiler { from, days: DAYS, program: "test" };
    match compiler.compile("windows.yaml", rules.as_bytes(), &|_| Ok(case.text.clone().into_bytes())) {
        Ok(windows) => {
            let second = |moment: Moment| i64::try_from(moment.millis() / 1_000).unwrap();
            windows.open.iter().map(|interval| (second(interval.start), second(interval.end))).collect()
        }
        Err(error) => {
            assert!(error.to_string().contains("nothing is open"), "{error}\n{}", case.text);
            Vec::new()
        }
    }
}

/// Spans cut at two ends, sorted and joined.
fn joined(mut spans: Vec<(i64, i64)>, from: i64, until: i64) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut all: Vec<(i64, i64)> = Vec::new();
    for (start, end) in spans.into_iter().map(|(start, end)| (start.max(from), end.min(until))) {
        match all.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ if start < end => all.push((start, end)),
            _ => {}
        }
    }
    all
}

#[test]
fn other_libraries_find_the_same_times() {
    let Some(dir) = peers() else { return };
    let cases = cases();
    let second = |date: Date| date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
    let ends: Vec<_> =
        cases.iter().map(|case| (second(case.from), second(case.from + i64::from(DAYS).days()))).collect();
    let mut input = String::new();
    for (case, (from, until)) in cases.iter().zip(&ends) {
        let text = case.text.replace("\r\n", "\\r\\n");
        writeln!(input, "[\"{text}\",{from},{until}]").unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers.py");
    let mut command = Command::new("python3");
    command.arg(script).env("PYTHONPATH", &dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), cases.len());
    let mut times = 0;
    for ((case, line), (from, until)) in cases.iter().zip(lines.lines()).zip(&ends) {
        let theirs: Vec<(i64, i64)> = serde_json::from_str(line).unwrap();
        times += theirs.len();
        assert_eq!(ours(case), joined(theirs, *from, *until), "{}", case.text);
    }
    assert!(times > 1_000, "{times} times were compared");
}
