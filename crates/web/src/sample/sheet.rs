//! An invented service.

use super::invented::{DAY, HOUR, ago, ahead, badge, command, fact, words};
use super::release;
use crate::model::{Sheet, SheetList, SheetRow, State};

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
        commands: vec![command("countersign waive 7d31 --until … --reason …", Some("a release manager"))],
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
    }
}
