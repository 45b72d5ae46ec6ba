//! Calendars: compiled, shown and imported.

use super::Page;
use crate::support::Home;

const RULES: &str = "\
version: 1
zone: Europe/Berlin
allow:
  - { cron: '0 9 * * mon-thu', for: 7h }
  - { cron: '0 22 * * fri', for: 4h }
deny:
  - { cron: '0 12 * * *', for: 1h }
exceptions:
  - { closed: 2026-11-26 }
";
const CALENDAR: &str = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20261124\nEND:VEVENT\nEND:VCALENDAR\n";

#[test]
fn calendars_of_files() {
    let home = Home::new();
    let write = |path: &str, text: &str| std::fs::write(home.dir.path().join(path), text).unwrap();
    write("windows.yaml", RULES);
    write("holidays.ics", CALENDAR);
    write("newer.ics", &CALENDAR.replace("UID:a", "UID:a\nRRULE:FREQ=HOURLY"));
    write("bad.yaml", &RULES.replace("mon-thu", "mon-foo"));
    write("twice.yaml", &RULES.replace("'0 12 * * *'", "'0 12 1 * mon'"));
    let at = "2026-11-23T11:30:00.000Z";
    let mut page = Page::new(&home);
    page.shows(
        "rules are compiled",
        &["calendar", "compile", "windows.yaml", "--from", "2026-11-21", "--days", "30"],
    );
    page.shows(
        "a file of windows",
        &["calendar", "show", "--file", "windows.json", "--at", at, "--days", "7"],
    );
    let zone =
        ["calendar", "show", "--file", "windows.yaml", "--at", at, "--days", "7", "--zone", "Europe/Berlin"];
    page.shows("rules, in the zone of a person", &zone);
    let later = "2026-12-31T00:00:00.000Z";
    page.shows(
        "after the windows",
        &["calendar", "show", "--file", "windows.json", "--at", later, "--days", "1"],
    );
    page.fails("an unknown zone", &["calendar", "show", "--file", "windows.json", "--zone", "Berlin"]);
    page.fails("a file that does not exist", &["calendar", "show", "--file", "none.json"]);
    page.fails("an expression that is none", &["calendar", "compile", "bad.yaml"]);
    page.fails("an expression with two meanings", &["calendar", "compile", "twice.yaml"]);
    page.fails("rules that do not exist", &["calendar", "compile", "none.yaml"]);
    page.fails("a date that is none", &["calendar", "compile", "windows.yaml", "--from", "tomorrow"]);
    page.shows("a calendar that is here already", &["calendar", "import", "holidays.ics"]);
    page.shows("a copy of it", &["calendar", "import", "holidays.ics", "--out", "copy.ics"]);
    page.fails("a calendar with more than this program knows", &["calendar", "import", "newer.ics"]);
    page.fails("a calendar that does not exist", &["calendar", "import", "none.ics"]);
    page.fails("a feed without a name", &["calendar", "import", "https://calendar.example/feed"]);
    page.fails("a feed that anybody could change", &["calendar", "import", "http://calendar.example/a.ics"]);
    page.fails("a feed without a host", &["calendar", "import", "https:///a.ics"]);
    page.fails("a feed that nobody serves", &["calendar", "import", "http://127.0.0.1:1/a.ics"]);
    page.end("calendars");
}
