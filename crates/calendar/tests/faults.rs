//! Bad input: each fault names its place and a remedy, and no input runs for ever.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::fmt::Write as _;
use std::io::ErrorKind;

use calendar::{CALENDAR_BYTES_MAX, Compiler, RULES_BYTES_MAX, Zone, compile_file, start_of_day, summary};
use evidence::Digest;
use evidence::windows::Windows;

fn compile(rules: &str, calendar: &str) -> Result<Windows, String> {
    let compiler = Compiler { from: "2026-11-21T00:00:00.000Z".parse().unwrap(), days: 30, program: "test" };
    let read = |path: &str| {
        if path == "a.ics" { Ok(calendar.as_bytes().to_vec()) } else { Err(ErrorKind::NotFound.into()) }
    };
    compiler.compile("windows.yaml", rules.as_bytes(), &read).map_err(|error| error.to_string())
}

fn rules_fault(rules: &str) -> String {
    compile(&format!("version: 1\nzone: Europe/Berlin\n{rules}"), "").unwrap_err()
}

/// Compiles a calendar that denies; a zone is given.
fn denied(calendar: &str) -> Result<Windows, String> {
    let digest = Digest::of(calendar.as_bytes());
    let rules = "version: 1\nzone: Europe/Berlin\nallow: [{ always: true }]\n";
    compile(&format!("{rules}deny: [{{ calendar: a.ics, digest: '{digest}' }}]"), calendar)
}

fn event(lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:a\n{}\nEND:VEVENT\nEND:VCALENDAR\n",
        lines.trim()
    )
}

#[test]
fn faults_of_rules_name_the_rule() {
    for (rules, text) in OF_RULES {
        let found = rules_fault(rules);
        assert!(found.starts_with(&format!("windows.yaml: {text}")), "{found}");
    }
    let bare = "version: 1\nallow: [{ cron: '0 9 * * *', for: 7h }]";
    let text = "windows.yaml: allow[0]: `zone` is missing here and at the top of the file, such as `zone: Europe/Berlin`";
    assert_eq!(compile(bare, "").unwrap_err(), text);
    assert_eq!(
        compile("version: 2", "").unwrap_err(),
        "windows.yaml: `version` is not 1, the version that this program knows"
    );
    for unknown in ["alow: []", "allow: [{ crom: '' }]", "allow: [{ always: true }]\nallow: []", "- x", ""] {
        assert!(rules_fault(unknown).starts_with("windows.yaml: "), "{unknown}");
    }
}

#[test]
fn paths_and_digests_of_calendars_are_exact() {
    let other = Digest::of(b"other");
    let rules = |path: &str, digest: Digest| {
        format!(
            "version: 1\nallow: [{{ always: true }}]\ndeny: [{{ calendar: '{path}', digest: '{digest}' }}]"
        )
    };
    let found = compile(&rules("a.ics", other), "x").unwrap_err();
    let own = Digest::of(b"x");
    let text =
        format!("a.ics: the rules name {other}, and the file has {own}; look at it, then name this digest");
    assert_eq!(found, text);
    assert!(compile(&rules("b.ics", other), "").unwrap_err().starts_with("b.ics: "));
    for path in ["/etc/passwd", "../a.ics", "./a.ics", "", "a/../../b"] {
        let found = compile(&rules(path, other), "").unwrap_err();
        assert!(
            found.contains("`calendar` is not a path below the directory of this file"),
            "{path}: {found}"
        );
    }
    assert_eq!(
        compile(&rules("windows.yaml", other), "").unwrap_err(),
        "windows.yaml: the file of rules is no calendar"
    );
    let twice =
        rules("a.ics", other).replace("' }]", &format!("' }}, {{ calendar: a.ics, digest: '{own}' }}]"));
    assert_eq!(
        compile(&twice, "x").unwrap_err(),
        "windows.yaml: deny[1]: `a.ics` has another digest in an earlier rule"
    );
}

#[test]
fn faults_of_calendars_name_the_line() {
    for (lines, line, text) in OF_CALENDARS {
        let lines = &lines.replace("DAY\n", &format!("{DAY}\n")).replace("TIME\n", &format!("{TIME}\n"));
        let found = denied(&event(lines)).unwrap_err();
        assert!(found.starts_with(&format!("a.ics line {line}: {text}")), "{lines}: {found}");
    }
    assert_eq!(denied(&event(DAY).replace("UID:a\n", "")).unwrap_err(), "a.ics line 3: the event has no UID");
}

#[test]
fn faults_between_events_and_components_name_the_line() {
    let calendar = |text: &str| format!("BEGIN:VCALENDAR\nVERSION:2.0\n{}\nEND:VCALENDAR\n", text.trim());
    let series = |more: &str| {
        let master = "BEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20261124\nRRULE:FREQ=WEEKLY\nEND:VEVENT";
        calendar(&format!("{master}\n{more}"))
    };
    let replacing = |day: u32| {
        format!(
            "BEGIN:VEVENT\nUID:a\nRECURRENCE-ID;VALUE=DATE:{day}\nDTSTART;VALUE=DATE:20261128\nEND:VEVENT"
        )
    };
    let twice = format!("{}\n{}", replacing(20261201), replacing(20261201));
    let cancelled =
        series(&replacing(20261201)).replacen("RRULE:FREQ=WEEKLY", "RRULE:FREQ=WEEKLY\nSTATUS:CANCELLED", 1);
    for (text, line, fault) in [
        (
            series("BEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20261128\nEND:VEVENT"),
            8,
            "another event has the same UID and RECURRENCE-ID, or none of them has one",
        ),
        (series(&twice), 13, "another event has the same UID and RECURRENCE-ID"),
        (series(&replacing(20261202)), 8, "its RECURRENCE-ID is no start of the series"),
        (cancelled, 9, "its series is cancelled, and this event is not"),
        (calendar("METHOD:CANCEL"), 3, "only `METHOD:PUBLISH` is known"),
        (calendar("CALSCALE:CHINESE"), 3, "only the Gregorian calendar is known"),
        (calendar("FOO:1"), 3, "`FOO` is not known here; remove it from the file"),
        (
            calendar("BEGIN:VFREEBUSY\nEND:VFREEBUSY"),
            3,
            "`VFREEBUSY` is not known here; remove it from the file",
        ),
        (calendar("END:VEVENT"), 3, "`VEVENT` ends here, and did not begin"),
        (
            "VERSION:2.0\n".into(),
            1,
            "it stands outside of a calendar; the file begins with `BEGIN:VCALENDAR`",
        ),
        (calendar("").replace("2.0", "1.0"), 2, "only version 2.0 is known"),
        ("<!doctype html>".into(), 1, "no property of a calendar; lines are `NAME:VALUE`"),
    ] {
        let found = denied(&text).unwrap_err();
        assert!(found.starts_with(&format!("a.ics line {line}: {fault}")), "{text}: {found}");
    }
    assert_eq!(denied("").unwrap_err(), "a.ics: the file is empty");
    assert_eq!(denied("BEGIN:VCALENDAR\n").unwrap_err(), "a.ics: `VCALENDAR` does not end: the file was cut");
    let floating = event("DTSTART:20261124T090000\nDURATION:PT1H");
    let found = summary("a.ics", floating.as_bytes(), None).unwrap_err().to_string();
    assert_eq!(
        found,
        "a.ics line 5: a date, or a time without a zone: give the rule that uses this calendar a `zone`"
    );
    assert_eq!(summary("a.ics", floating.as_bytes(), Some(&Zone::utc())).unwrap(), 1);
    // What says nothing about the times of events is no fault.
    let rich = series(
        "BEGIN:VTIMEZONE\nTZID:Nowhere\nBEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VTODO\nDUE:x\nEND:VTODO",
    );
    assert!(
        denied(&rich.replace(
            "UID:a\n",
            "UID:a\nX-A;X-B=1:1\nBEGIN:VALARM\nTRIGGER:-PT1H\nEND:VALARM\nTRANSP:TRANSPARENT\n"
        ))
        .is_ok()
    );
}

#[test]
fn attack_bombs_of_calendars_and_rules_end() {
    let event = |n: usize, lines: &str| format!("BEGIN:VEVENT\nUID:{n}\n{lines}\nEND:VEVENT\n");
    let many = |count: usize, lines: &str| {
        let mut text = "BEGIN:VCALENDAR\nVERSION:2.0\n".to_owned();
        (0..count).for_each(|n| text.push_str(&event(n, lines)));
        text + "END:VCALENDAR\n"
    };
    let old = "DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=DAILY";
    assert!(denied(&many(1, "DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=WEEKLY")).is_ok());
    assert!(denied(&many(2, old)).unwrap_err().contains("repeat too often to be compiled"));
    let never = "DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=4294967295";
    assert!(denied(&many(3, never)).unwrap_err().contains("a.ics line 3: DTSTART is no start by its RRULE"));
    assert!(denied(&many(10_001, "DTSTART;VALUE=DATE:20261124")).unwrap_err().contains("at most"));
    let later = "DTSTART;VALUE=DATE:20261124\nRRULE:FREQ=DAILY";
    let far = many(1, later).replace("END:VCALENDAR", "BEGIN:VEVENT\nUID:0\nRECURRENCE-ID;VALUE=DATE:99991230\nDTSTART;VALUE=DATE:20261128\nEND:VEVENT\nEND:VCALENDAR");
    assert!(denied(&far).unwrap_err().contains("repeat too often to be compiled"));
    let mut dates = String::from("DTSTART;VALUE=DATE:20261124\nEXDATE;VALUE=DATE:20261125");
    (0..10_001).for_each(|_| write!(dates, ",20261125").unwrap());
    assert!(denied(&many(1, &dates)).unwrap_err().contains("at most 10,000 further or removed starts"));
    assert!(
        denied(&"BEGIN:VCALENDAR\n".repeat(50))
            .unwrap_err()
            .contains("line 2: `VCALENDAR` is not known here")
    );
    let nested = format!("BEGIN:VCALENDAR\nBEGIN:VTODO\n{}", "BEGIN:X\n".repeat(50));
    assert!(denied(&nested).unwrap_err().contains("`X` is not known here"));
    assert_eq!(
        denied(&"A".repeat(CALENDAR_BYTES_MAX + 1)).unwrap_err(),
        "a.ics: a calendar has at most 1 MiB"
    );
    let rules = "version: 1\nzone: UTC\nallow: [{ always: true }]\ndeny:\n".to_owned()
        + &"- { cron: '* * * * *', for: 1m }\n".repeat(64);
    assert!(compile(&rules, "").unwrap_err().contains("deny["), "the starts of all rules are counted");
    assert_eq!(
        compile(&" ".repeat(RULES_BYTES_MAX + 1), "").unwrap_err(),
        "windows.yaml: rules have at most 64 KiB"
    );
    let laughs = (1..40).fold("version: 1\na0: &a0 [x,x,x,x]\n".to_owned(), |text, n| {
        text + &format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0}]\n", n - 1)
    });
    assert!(compile(&laughs, "").is_err());
}

#[test]
fn files_are_read_below_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    let calendar = event("DTSTART;VALUE=DATE:20261124");
    let digest = Digest::of(calendar.as_bytes());
    std::fs::create_dir(dir.path().join("team")).unwrap();
    std::fs::write(dir.path().join("team/a.ics"), &calendar).unwrap();
    let rules = format!(
        "version: 1\nzone: UTC\nallow: [{{ always: true }}]\ndeny: [{{ calendar: team/a.ics, digest: '{digest}' }}]"
    );
    std::fs::write(dir.path().join("windows.yaml"), &rules).unwrap();
    let now = "2026-11-21T17:03:04.005Z".parse().unwrap();
    let compiler = Compiler { from: start_of_day(now), days: 30, program: "test 1" };
    let windows = compile_file(&compiler, &dir.path().join("windows.yaml")).unwrap();
    let names: Vec<_> = windows.sources.iter().map(|source| (source.name.as_str(), source.digest)).collect();
    assert_eq!(names, [("team/a.ics", digest), ("windows.yaml", Digest::of(rules.as_bytes()))]);
    assert_eq!(windows.from.to_string(), "2026-11-21T00:00:00.000Z");
    assert_eq!(windows.compiled_by, format!("test 1, zones {}", calendar::ZONES_VERSION));
    assert_eq!(windows.open.len(), 2);
    assert!(compile_file(&compiler, &dir.path().join("other.yaml")).is_err());
    let odd = Compiler { from: now, ..compiler };
    assert_eq!(
        compile_file(&odd, &dir.path().join("windows.yaml")).unwrap_err().to_string(),
        "windows.yaml: windows begin at a whole second"
    );
    let long = Compiler { days: 401, ..compiler };
    assert_eq!(
        compile_file(&long, &dir.path().join("windows.yaml")).unwrap_err().to_string(),
        "windows.yaml: windows speak about 1 to 400 days"
    );
}

/// Rules and their faults.
const OF_RULES: &[(&str, &str)] = &[
    (
        "allow: [{ cron: '0 9 * *', for: 7h }]",
        "allow[0]: `0 9 * *` is no cron expression of five fields: minute, hour, day of the month, month, weekday",
    ),
    (
        "allow: [{ always: true }, { cron: '0 9 * * *' }]",
        "allow[1]: `for` is missing beside `cron`, such as `for: 7h`",
    ),
    (
        "allow: [{ cron: '0 9 * * *', for: 7 hours }]",
        "allow[0]: `7 hours` is no length; write hours, minutes or days, such as `7h`, `1h30m` or `2d`",
    ),
    (
        "allow: [{ cron: '0 9 * * *', for: 7h, zone: Berlin }]",
        "allow[0]: zone `Berlin` is unknown; names are those of the IANA database",
    ),
    (
        "allow: [{ cron: '0 9 * * *', for: 7h, zone: europe/berlin }]",
        "allow[0]: zone `europe/berlin` is unknown",
    ),
    (
        "allow: [{ always: true, for: 7h }]",
        "allow[0]: a rule is one of `always: true`, `cron` with `for`, or `calendar` with `digest`; `cron` and `calendar` can have a `zone`",
    ),
    ("allow: [{ always: false }]", "allow[0]: a rule is one of"),
    (
        "allow: [{ always: true }]\ndeny: [{ calendar: a.ics }]",
        "deny[0]: `digest` is missing beside `calendar`; `countersign calendar import` prints it",
    ),
    (
        "allow: [{ always: true }]\ndeny: [{ calendar: a.ics, digest: md5 }]",
        "deny[0]: `digest` is not `sha256:` and 64 hex digits; `countersign calendar import` prints it",
    ),
    (
        "deny: [{ cron: '0 9 * * *', for: 7h }]",
        "nothing would ever be open; begin with `allow: [{ always: true }]` and deny what you want closed",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ open: 2026-11-24, closed: 2026-11-24 }]",
        "exceptions[0]: an exception is `open` or `closed`, one of both",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ closed: 2026-11-24, until: 2026-11-25 }]",
        "exceptions[0]: a date goes `through` a date, a time lasts `until` a time",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ closed: 2026-11-24T09:00 }]",
        "exceptions[0]: a date goes `through` a date, a time lasts `until` a time",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ closed: 2026-11-24, through: 2026-11-23 }]",
        "exceptions[0]: `through` is not a date from the first one on, such as `2026-12-31`",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ closed: 2026-11-24T9:00, until: 2026-11-24T10:00 }]",
        "exceptions[0]: `2026-11-24T9:00` is no local time such as `2026-12-24T08:00`",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ closed: 2026-11-24T11:00, until: 2026-11-24T10:00 }]",
        "exceptions[0]: it ends before it starts",
    ),
    (
        "allow: [{ always: true }]\nexceptions: [{ closed: 2026-11-01, through: 2026-12-31 }]",
        "nothing is open within 30 days; to stop all releases, use `countersign freeze`",
    ),
    (
        "allow: [{ cron: '*/7 * * * *', for: 1m }]",
        "more than 4,096 intervals are open within 30 days; at most 18 days fit",
    ),
];

const DAY: &str = "DTSTART;VALUE=DATE:20261124";
const TIME: &str = "DTSTART;TZID=Europe/Berlin:20261124T090000\nDTEND;TZID=Europe/Berlin:20261124T100000";
/// Lines of an event, the line of the fault, and the fault. `DAY` and `TIME` stand for a date and a time.
const OF_CALENDARS: &[(&str, usize, &str)] = &[
    ("SUMMARY:x", 3, "the event has no DTSTART"),
    ("DTSTART:20261124T090000Z", 3, "the event has no length; give it DTEND or DURATION"),
    ("DAY\nRRULE:FREQ=HOURLY", 6, "FREQ `HOURLY` is not known; known are DAILY, WEEKLY, MONTHLY and YEARLY"),
    ("DAY\nRRULE:FREQ=YEARLY;BYWEEKNO=20", 6, "`BYWEEKNO` of a rule is not known"),
    ("DAY\nRRULE:FREQ=DAILY;BYHOUR=9", 6, "`BYHOUR` of a rule is not known"),
    ("DAY\nRRULE:FREQ=DAILY;RSCALE=CHINESE", 6, "`RSCALE` of a rule is not known"),
    ("DAY\nRRULE:INTERVAL=2", 6, "`FREQ` is missing"),
    ("DAY\nRRULE:FREQ=DAILY;FREQ=DAILY", 6, "`FREQ` stands twice"),
    ("DAY\nRRULE:FREQ=DAILY;COUNT=2;UNTIL=20261130", 6, "`COUNT` and `UNTIL` are both given"),
    ("DAY\nRRULE:FREQ=DAILY;INTERVAL=0", 6, "`0` is no whole number from 1 to 100000"),
    ("DAY\nRRULE:FREQ=DAILY;COUNT=0", 6, "`0` is no whole number from 1 to"),
    ("DAY\nRRULE:FREQ=MONTHLY;BYMONTHDAY=0", 6, "0 is no number of a day"),
    (
        "DAY\nRRULE:FREQ=DAILY;BYDAY=1TU",
        6,
        "a numbered weekday such as `1MO` needs FREQ=MONTHLY or YEARLY, without BYMONTHDAY",
    ),
    ("DAY\nRRULE:FREQ=MONTHLY;BYDAY=6TU", 6, "a month has no sixth weekday"),
    ("DAY\nRRULE:FREQ=MONTHLY;BYDAY=XX", 6, "`XX` is no weekday such as `MO`"),
    ("DAY\nRRULE:FREQ=WEEKLY;BYMONTHDAY=24", 6, "FREQ=WEEKLY has no BYMONTHDAY"),
    ("DAY\nRRULE:FREQ=DAILY;BYSETPOS=1", 6, "BYSETPOS needs BYDAY, BYMONTHDAY or BYMONTH beside it"),
    ("DAY\nRRULE:FREQ=DAILY;UNTIL=20261130T000000Z", 6, "UNTIL has to be a date, as DTSTART is"),
    ("TIME\nRRULE:FREQ=DAILY;UNTIL=20261130", 7, "UNTIL has to be a time in UTC, such as `20261224T080000Z`"),
    (
        "DTSTART:20261124T090000\nDTEND:20261124T100000\nRRULE:FREQ=DAILY;UNTIL=20261130T000000Z",
        7,
        "UNTIL has to be a time without a zone",
    ),
    (
        "DAY\nRRULE:FREQ=WEEKLY;BYDAY=MO",
        3,
        "DTSTART is no start by its RRULE; programs read such a series differently",
    ),
    ("DAY\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", 7, "RRULE stands twice in one event"),
    (
        "DAY\nEXRULE:FREQ=DAILY",
        6,
        "`EXRULE` is not known here, and could change when the event is; remove it from the file",
    ),
    ("DAY\nRDATE;VALUE=PERIOD:20261124T090000Z/PT1H", 6, "parameter `VALUE` with `PERIOD` is not known here"),
    ("DAY\nEXDATE:20261124T090000Z", 6, "DTSTART and this line are not both dates, or both times"),
    ("DAY\nDTEND:20261124T090000Z", 6, "DTSTART and DTEND are not both dates, or both times"),
    ("DAY\nDTEND;VALUE=DATE:20261124", 6, "DTEND is not after DTSTART"),
    ("DAY\nDURATION:PT1H", 6, "an event of dates lasts whole days"),
    ("DAY\nDURATION:-P1D", 6, "`-P1D` is no duration above zero, such as `PT1H30M` or `P2D`"),
    ("TIME\nDURATION:PT1H", 6, "DTEND and DURATION are both given"),
    ("DAY\nSTATUS:DRAFT", 6, "STATUS `DRAFT` is not known"),
    (
        "DAY\nRECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20261124",
        6,
        "parameter `RANGE` with `THISANDFUTURE` is not known here",
    ),
    (
        "DAY\nRECURRENCE-ID;VALUE=DATE:20261124\nRRULE:FREQ=DAILY",
        3,
        "an event with RECURRENCE-ID repeats; it can only replace one start of its series",
    ),
    (
        "DTSTART;TZID=W. Europe Standard Time:20261124T090000\nDURATION:PT1H",
        5,
        "zone `W. Europe Standard Time` is unknown",
    ),
    ("DTSTART;TZID=Europe/Berlin:20261124T090000Z\nDURATION:PT1H", 5, "a time in UTC has no TZID"),
    ("DTSTART;VALUE=DATE;TZID=Europe/Berlin:20261124", 5, "a date has no TZID"),
    ("DTSTART:20261124T250000Z\nDURATION:PT1H", 5, "`20261124T250000Z` is no time such as `20261224T080000`"),
    ("DTSTART;VALUE=DATE:20260230", 5, "`20260230` is no date such as `20261224`"),
    ("DTSTART;VALUE=DATE:20261124,20261125", 5, "one date or time is expected"),
];
