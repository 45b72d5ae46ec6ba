//! An invented service, and a sheet of figures and tables.

use super::invented::{DAY, HOUR, ago, ahead, badge, command, fact, words};
use super::release;
use crate::model::{
    Chart, ChartPoint, Choice, Sheet, SheetCell, SheetField, SheetForm, SheetList, SheetRow, SheetTable,
    Span, State,
};

/// A service with its history.
#[must_use]
pub fn sheet() -> Sheet {
    let row = |state: State, word: &str, title: &str, notes: &[&str], seconds: i64| SheetRow {
        badge: Some(badge(state, word)),
        title: title.to_owned(),
        href: Some("/releases/acme/api/production/42".to_owned()),
        notes: words(notes),
        time: Some(if seconds < 0 { ahead(-seconds) } else { ago(seconds) }),
        commands: Vec::new(),
    };
    let waiver = SheetRow {
        commands: vec![command(
            "countersign waive 7d31 --until DATE --reason WHY",
            Some("a release manager"),
        )],
        ..row(State::Wait, "ends soon", "waiver of CVE-2026-1188", &["by Carol"], -2 * DAY)
    };
    Sheet {
        headline: "api: release 42 is blocked in production".to_owned(),
        badge: Some(badge(State::Stop, "blocked")),
        sub: words(&["project acme", "ask Alice (payments)"]),
        way: release().way,
        lists: vec![
            SheetList {
                title: "Releases".to_owned(),
                rows: vec![
                    row(
                        State::Stop,
                        "blocked",
                        "idempotent refunds",
                        &["production", "release 42", "by Alice"],
                        HOUR,
                    ),
                    row(
                        State::Pass,
                        "runs",
                        "rotate webhook secret",
                        &["production", "release 41", "by Carol"],
                        9 * DAY,
                    ),
                ],
                more: 38,
                empty: "No release yet.".to_owned(),
                fill: None,
            },
            SheetList {
                title: "Statements".to_owned(),
                rows: vec![waiver],
                more: 0,
                empty: "None.".to_owned(),
                fill: None,
            },
            SheetList {
                title: "Freezes".to_owned(),
                rows: Vec::new(),
                more: 0,
                empty: "Nothing is frozen.".to_owned(),
                fill: Some(command("countersign freeze acme/api/production", Some("a status signer"))),
            },
        ],
        facts: vec![("Gates".to_owned(), vec![fact("production", "2 approvals")])],
        ..Sheet::default()
    }
}

/// Figures with a search and a table.
#[must_use]
pub fn figures_sheet() -> Sheet {
    let point = |(week, height): (u64, u64)| ChartPoint {
        label: format!("week {week}"),
        height,
        value: format!("{height} releases"),
    };
    let chart = |title: &str, value: &str, state, heights: [u64; 6]| Chart {
        title: title.to_owned(),
        value: value.to_owned(),
        state,
        sentence: "releases that reached production, by week".to_owned(),
        points: (43..).zip(heights).map(point).collect(),
    };
    let cell = |text: &str| SheetCell { text: text.to_owned(), ..SheetCell::default() };
    let found = SheetCell {
        badge: Some(badge(State::Stop, "2 findings")),
        text: "CVE-2026-1188".to_owned(),
        href: Some("/findings".to_owned()),
        notes: words(&["critical", "waived by Carol"]),
        time: Some(ago(2 * DAY)),
        span: None,
        commands: vec![command("countersign status acme/api/production 42", None)],
    };
    let choice =
        |value: &str, name: &str, chosen| Choice { value: value.to_owned(), name: name.to_owned(), chosen };
    let field = |parameter: &str, title: &str, choices| SheetField {
        parameter: parameter.to_owned(),
        title: title.to_owned(),
        words: String::new(),
        example: "openssl, or pkg:npm/left-pad".to_owned(),
        choices,
    };
    Sheet {
        headline: "Two services are exposed".to_owned(),
        badge: Some(badge(State::Stop, "2 findings")),
        form: Some(SheetForm {
            path: "/components".to_owned(),
            fields: vec![
                field("q", "Component", Vec::new()),
                field(
                    "service",
                    "Service",
                    vec![choice("", "every service", false), choice("acme/api", "acme/api", true)],
                ),
            ],
            button: "Search".to_owned(),
            narrowed: true,
        }),
        charts: vec![
            chart("Deployments", "9 a week", Some(State::Pass), [3, 0, 7, 4, 6, 9]),
            chart("Failed", "1 of 9", Some(State::Wait), [0, 0, 1, 0, 2, 1]),
        ],
        tables: vec![SheetTable {
            title: "Services".to_owned(),
            columns: words(&["Service", "Code", "Runs"]),
            rows: vec![
                vec![cell("acme/api"), found, cell("release 41")],
                vec![cell("acme/web"), cell("nothing found"), cell("release 118")],
            ],
            more: 3,
            empty: "No service runs.".to_owned(),
            fill: None,
        }],
        ..Sheet::default()
    }
}

/// Two releases side by side.
#[must_use]
pub fn compared_sheet() -> Sheet {
    let cell = |text: &str| SheetCell { text: text.to_owned(), ..SheetCell::default() };
    let side = |state: State, word: &str, text: &str, href: &str| SheetCell {
        badge: Some(badge(state, word)),
        text: text.to_owned(),
        href: Some(href.to_owned()),
        ..SheetCell::default()
    };
    let choice = |number: u64, chosen| Choice {
        value: format!("acme/api/production@{number}"),
        name: format!("production {number}: rotate webhook secret"),
        chosen,
    };
    let field = |parameter: &str, title: &str, chosen: u64| SheetField {
        parameter: parameter.to_owned(),
        title: title.to_owned(),
        words: format!("acme/api/production@{chosen}"),
        example: "shop/api/production@42".to_owned(),
        choices: std::iter::once(Choice {
            value: String::new(),
            name: "a release".to_owned(),
            chosen: false,
        })
        .chain([42, 41].map(|number| choice(number, number == chosen)))
        .collect(),
    };
    Sheet {
        headline: "5 sorts of differences from release 41 to release 42 of acme/api/production".to_owned(),
        sub: words(&["acme/api", "added means: only the second one has it"]),
        form: Some(SheetForm {
            path: "/compare".to_owned(),
            fields: vec![field("from", "From", 41), field("to", "To", 42)],
            button: "Compare".to_owned(),
            narrowed: false,
        }),
        changes: release().changes,
        tables: vec![SheetTable {
            title: "Both releases".to_owned(),
            columns: words(&["Fact", "First", "Second"]),
            rows: vec![
                vec![
                    cell("Release"),
                    side(State::Pass, "runs", "release 41 of production", "/releases/acme/api/production/41"),
                    side(
                        State::Stop,
                        "blocked",
                        "release 42 of production",
                        "/releases/acme/api/production/42",
                    ),
                ],
                vec![cell("Commit"), cell("rotate webhook secret"), cell("idempotent refunds")],
                vec![cell("Approved by"), cell("Carol"), cell("nobody")],
            ],
            more: 0,
            empty: String::new(),
            fill: None,
        }],
        ..Sheet::default()
    }
}

/// A calendar: stretches of a year with the present in it.
#[must_use]
pub fn calendar_sheet() -> Sheet {
    let row = |name: &str, (from, to): (u16, u16), state, word: &str, seconds: i64| {
        let sentence = format!("{name}, {word}");
        let drawn = Span { from, to, today: 246, state, sentence };
        let due = SheetCell {
            badge: (state != State::Quiet).then(|| badge(state, word)),
            notes: words(&["every 90 days"]),
            time: Some(if seconds < 0 { ahead(-seconds) } else { ago(seconds) }),
            ..SheetCell::default()
        };
        let named = SheetCell { text: name.to_owned(), ..SheetCell::default() };
        vec![named, SheetCell { span: Some(drawn), ..SheetCell::default() }, due]
    };
    Sheet {
        headline: "3 secrets, 2 of which need a newer version".to_owned(),
        badge: Some(badge(State::Pass, "vault open")),
        tables: vec![SheetTable {
            title: "Rotation calendar".to_owned(),
            columns: words(&["Secret", "From 2026-08-31 to 2027-08-31", "Newer version"]),
            rows: vec![
                row("acme/registry/token", (0, 236), State::Stop, "overdue", 4 * DAY),
                row("database of acme/api/production", (41, 262), State::Wait, "due soon", -6 * DAY),
                row("acme/signing", (201, 1_000), State::Quiet, "", -300 * DAY),
            ],
            more: 0,
            empty: "No version ends.".to_owned(),
            fill: None,
        }],
        ..Sheet::default()
    }
}
