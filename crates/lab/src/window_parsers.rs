//! Parsers of what makes windows: calendars and rules, which other people write, and the windows themselves.

use std::io::ErrorKind;

use calendar::{Compiler, Zone};
use evidence::Digest;
use evidence::windows::{WindowState, Windows};

use crate::target::Target;
use crate::window_table::window_cases;

/// iCalendar files, with all that their events come to.
pub const CALENDAR: Target = Target {
    name: "icalendar",
    run: icalendar,
    seeds: |_| {
        let mut seeds: Vec<_> = window_cases()
            .into_iter()
            .flat_map(|case| case.calendars)
            .map(|(_, text)| text.into_bytes())
            .collect();
        seeds.sort();
        seeds.dedup();
        seeds.push(SERIES.as_bytes().to_vec());
        seeds
    },
    sources: &[
        "calendar/src/ics/lines.rs",
        "calendar/src/ics/component.rs",
        "calendar/src/ics/event.rs",
        "calendar/src/ics/value.rs",
        "calendar/src/ics/repeat.rs",
        "calendar/src/ics/occurrences.rs",
        "calendar/src/recur.rs",
    ],
};

/// Rules of windows, and windows.
pub const WINDOWS: Target = Target {
    name: "windows",
    run: windows,
    seeds: |_| {
        let mut seeds: Vec<_> = window_cases().into_iter().map(|case| case.rules.into_bytes()).collect();
        seeds.sort();
        seeds.dedup();
        seeds.push(DOCUMENT.as_bytes().to_vec());
        seeds
    },
    sources: &[
        "calendar/src/rules.rs",
        "calendar/src/cron.rs",
        "calendar/src/length.rs",
        "calendar/src/compile.rs",
        "evidence/src/windows.rs",
    ],
};

fn compiler() -> Compiler<'static> {
    Compiler { from: "2026-11-21T00:00:00.000Z".parse().unwrap(), days: 30, program: "fuzz" }
}

fn icalendar(bytes: &[u8]) {
    drop(calendar::summary("a.ics", bytes, None));
    let zone = Zone::named("Australia/Lord_Howe").unwrap();
    let understood = calendar::summary("a.ics", bytes, Some(&zone)).is_ok();
    let compiled = |list: &str, rest: &str| {
        let digest = Digest::of(bytes);
        let rules = format!(
            "version: 1\nzone: {}\n{list}: [{{ calendar: a.ics, digest: '{digest}' }}]\n{rest}",
            zone.name()
        );
        compiler().compile("windows.yaml", rules.as_bytes(), &|_| Ok(bytes.to_vec()))
    };
    let (opened, denied) = (compiled("allow", ""), compiled("deny", "allow: [{ always: true }]"));
    assert!(
        understood || (opened.is_err() && denied.is_err()),
        "a calendar that is not understood compiles to nothing"
    );
    // An event never opens a moment that the same event, read as one that closes, leaves open.
    if let (Ok(opened), Ok(denied)) = (opened, denied) {
        for interval in opened.open {
            assert!(matches!(denied.state_at(interval.start), WindowState::Closed { .. }));
        }
    }
}

fn windows(bytes: &[u8]) {
    if let Ok(windows) = Windows::decode(bytes) {
        assert_eq!(windows.encode().unwrap(), bytes, "one spelling");
        for interval in &windows.open {
            assert_eq!(windows.state_at(interval.start), WindowState::Open { until: interval.end });
        }
    }
    if let Ok(windows) = compiler().compile("windows.yaml", bytes, &|_| Err(ErrorKind::NotFound.into())) {
        assert_eq!(Windows::decode(&windows.encode().unwrap()).unwrap(), windows);
    }
}

/// Windows with one open day.
const DOCUMENT: &str = r#"{"compiled_by":"zones","from":"2026-11-21T00:00:00.000Z","open":[["2026-11-23T00:00:00.000Z","2026-11-24T00:00:00.000Z"]],"sources":[],"until":"2026-12-21T00:00:00.000Z","v":1}"#;

const SERIES: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;VALUE=DATE:20261127\r\nDURATION:P2D\r\n\
    RRULE:FREQ=MONTHLY;BYDAY=-1FR,1MO;BYSETPOS=-1;UNTIL=20271231;WKST=SU\r\nEXDATE;VALUE=DATE:20270129\r\n\
    RDATE;VALUE=DATE:20261201,20261203\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
