//! The page over invented previews, in each state that they can be in.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::{CommitId, Digest, Moment, Place};
use serde_json::json;
use web::model::{EntryRow, SheetTable, State};
use wire::{PlaceView, RunState};

use super::entry::{Asked, Entry};
use super::why::Why;
use super::{page, removed};
use crate::console::reading::time;
use crate::console::words::badge;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

fn place(environment: &str) -> Place {
    format!("shop/api/{environment}").parse().unwrap()
}

/// A place with further fields.
fn view(environment: &str, more: serde_json::Value) -> PlaceView {
    let mut view = json!({
        "place": place(environment), "after": null, "automatic": true, "statement": 7, "envelope": Digest::of(b""),
        "base": "0".repeat(40), "releases": [], "rolled_back": [], "frozen": false, "wanted": false, "entry": 12,
        "agents": [{ "name": "previewer", "silent_seconds": 2, "at_work": false }],
    });
    view.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(view).unwrap()
}

fn preview(name: &str, slot: u32, more: serde_json::Value) -> PlaceView {
    let made =
        json!({ "template": "preview", "slot": slot, "until": "2026-12-02T09:00:00.000Z", "owner": "Ada" });
    let mut all = json!({ "preview": made });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    view(name, all)
}

fn running(release: u64) -> serde_json::Value {
    json!({ "artifact": Digest::of(b"a"), "commit": "b".repeat(40), "release": release, "run": "0".repeat(32) })
}

fn entry(view: &PlaceView, state: RunState, ends: Option<Why>) -> Entry<'_> {
    let commit: CommitId = "b5c7".repeat(10).parse().unwrap();
    Entry {
        view,
        made: view.preview.clone().unwrap(),
        asked: Some(Asked {
            at_ref: Some("feature/refunds".into()),
            subject: "Refund twice at most".into(),
            commit,
            run: lab::id(3).into(),
            state: Some(state),
            host: Some("build-1".into()),
        }),
        ends,
        held: None,
        trouble: None,
        runs: view.running.as_ref().map(|now| format!("release {}", now.release)),
    }
}

/// A table as a reader sees it: a line for each row.
fn lines(table: &SheetTable) -> Vec<String> {
    let cell = |cell: &web::model::SheetCell| {
        let parts = cell.badge.iter().map(|badge| format!("[{}]", badge.word));
        let parts = parts.chain([cell.text.clone()]).chain(cell.notes.clone());
        let parts = parts.chain(cell.time.iter().map(|time| time.text.clone()));
        let parts = parts.chain(cell.commands.iter().map(|command| format!("$ {}", command.line)));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    };
    table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
}

fn gone(environment: &str) -> SheetTable {
    let line = EntryRow {
        entry: 40,
        badge: badge(State::Pass, "observation.made"),
        title: String::new(),
        detail: String::new(),
        actor: "previewer".into(),
        time: time(at("2026-11-29T09:00:00.000Z")),
        href: "/ledger/40".into(),
        about: None,
    };
    let said = "removed (expired): 41 files, 9000000 bytes".to_owned();
    removed::table(vec![removed::row(&place(environment), &line, said)])
}

#[test]
fn each_preview_is_told_with_its_state_its_owner_and_its_end() {
    let service = json!({ "port": 8081, "disk": 5_300_000 });
    let up = preview("pr-1", 1, json!({ "running": running(4), "service": service }));
    let built = preview("pr-2", 2, json!({}));
    let failed = preview("pr-3", 3, json!({ "running": running(2), "service": service }));
    let over = preview("pr-4", 4, json!({ "running": running(9), "service": service }));
    let silent = json!([{ "name": "previewer", "silent_seconds": 9_000, "at_work": false }]);
    let stays = preview("pr-5", 5, json!({ "agents": silent }));
    let entries = [
        entry(&up, RunState::Passed, None),
        entry(&built, RunState::Running, None),
        entry(&failed, RunState::Failed, None),
        entry(&over, RunState::Passed, Some(Why::Expired)),
        entry(&stays, RunState::Passed, Some(Why::Withdrawn)),
    ];
    let rules = json!({ "previews": { "pattern": "pr-*", "count": 5, "ttl_ms": 259_200_000 } });
    let templates = [view("preview", rules)];
    let shown = page(&templates, (&entries, 0), gone("pr-0"));
    assert_eq!(shown.headline, "2 of 5 previews did not work as asked");
    assert_eq!(shown.badge.unwrap().word, "2 to look at");
    let [previews, of_templates, gone] = shown.tables.as_slice() else { panic!("{:?}", shown.tables) };
    assert_eq!(
        lines(previews),
        [
            "pr-1, shop/api, slot 1 of preview, $ countersign preview remove pr-1 | [runs], release 4 | \
             Refund twice at most, feature/refunds, b5c7b5c7b5c7 | Ada | port 8081, on build-1 | 2026-12-02T09:00:00.000Z | 6 MiB",
            "pr-2, shop/api, slot 2 of preview, $ countersign preview remove pr-2 | [being built] | \
             Refund twice at most, feature/refunds, b5c7b5c7b5c7 | Ada | none yet | 2026-12-02T09:00:00.000Z | not told",
            "pr-3, shop/api, slot 3 of preview, $ countersign preview remove pr-3 | [run failed], release 2 | \
             Refund twice at most, feature/refunds, b5c7b5c7b5c7 | Ada | port 8081, on build-1 | 2026-12-02T09:00:00.000Z | 6 MiB",
            "pr-4, shop/api, slot 4 of preview | [being removed], its time is over | \
             Refund twice at most, feature/refunds, b5c7b5c7b5c7 | Ada | port 8081, on build-1 | 2026-12-02T09:00:00.000Z | 6 MiB",
            "pr-5, shop/api, slot 5 of preview | [not removed], its template no longer allows it, its agent is gone; start it | \
             Refund twice at most, feature/refunds, b5c7b5c7b5c7 | Ada | none yet | 2026-12-02T09:00:00.000Z | not told",
        ]
    );
    assert_eq!(
        lines(of_templates),
        [
            "shop/api/preview, statement 7 | pr-* | [full], 5 of 5 taken, $ countersign preview list | 3 d, after the last request | \
             [there], previewer, heard 2 s ago"
        ]
    );
    assert_eq!(
        lines(gone),
        ["pr-0, shop/api | 2026-11-29T09:00:00.000Z | removed (expired): 41 files, 9000000 bytes"]
    );
}

#[test]
fn a_page_without_previews_says_who_makes_them() {
    let none = page(&[], (&[], 0), removed::table(Vec::new()));
    assert_eq!(none.headline, "No template allows previews");
    assert!(none.tables[1].fill.as_ref().unwrap().line.starts_with("countersign trust environment "));
    let rules = json!({ "previews": { "pattern": "pr-*", "count": 5, "ttl_ms": 60_000 } });
    let room = page(&[view("preview", rules)], (&[], 0), removed::table(Vec::new()));
    assert_eq!(room.headline, "No preview is there, and there is room for 5");
    assert!(room.tables[0].fill.as_ref().unwrap().line.starts_with("countersign run "));
}
