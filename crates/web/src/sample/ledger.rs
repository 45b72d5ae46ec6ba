//! An invented search of the ledger, and one of its entries.

use super::invented::{ARTIFACT, HOUR, MINUTE, ago, badge, fact, words};
use crate::model::{Choice, Entry, EntryRow, Ledger, LedgerForm, Proof, ProofStep, State};

/// The acts of Carol within a week.
#[must_use]
pub fn ledger() -> Ledger {
    Ledger {
        headline: "3 entries match".to_owned(),
        form: LedgerForm {
            words: "production".to_owned(),
            kinds: vec![choice("approval.", "approvals", false), choice("release.", "releases", false)],
            projects: vec![choice("acme", "acme", false)],
            people: vec![choice("4f9c21e07b3d5a8816c2e94f7a0b6d35", "Carol", true)],
            from: "2026-11-22".to_owned(),
            until: "2026-11-29".to_owned(),
            narrowed: true,
        },
        rows: vec![
            row(
                48_188,
                State::Stop,
                "refused",
                ("Carol was refused: promote", "finding-critical"),
                38 * MINUTE,
            ),
            row(
                48_171,
                State::Pass,
                "approval.given",
                ("Carol approved release 42 of acme/api/production", "until 2026-12-05T00:00:00.000Z"),
                HOUR,
            ),
            row(
                48_102,
                State::Frozen,
                "identity.status-set",
                ("Status 12 came into force", "1 freeze; until 2026-12-10T00:00:00.000Z"),
                5 * HOUR,
            ),
        ],
        newest: Some("/ledger?q=production".to_owned()),
        older: Some("/ledger?q=production&before=48102".to_owned()),
        exports: vec![
            ("NDJSON".to_owned(), "/ledger/export.ndjson?q=production".to_owned()),
            ("CSV".to_owned(), "/ledger/export.csv?q=production".to_owned()),
        ],
    }
}

/// An approval.
#[must_use]
pub fn entry() -> Entry {
    let about = ("Carol approved release 42 of acme/api/production", "until 2026-12-05T00:00:00.000Z");
    let step = |is_left: bool, first: u64, last: u64| ProofStep {
        is_left,
        hash: ARTIFACT.to_owned(),
        entries: (first, last),
    };
    Entry {
        row: row(48_171, State::Pass, "approval.given", about, HOUR),
        header: vec![fact("Kind", "approval.given"), fact("Rules", "1"), fact("Signed by", "request")],
        facts: words(&["{", "  \"decision\": \"approve\",", "  \"release\": 42", "}"]),
        particulars: None,
        erased: Some("They were erased; the proof still holds.".to_owned()),
        proof: Some(Proof {
            size: 48_201,
            leaf: ARTIFACT.to_owned(),
            steps: vec![step(true, 48_170, 48_170), step(false, 48_172, 48_175), step(true, 0, 48_127)],
            root: ARTIFACT.to_owned(),
            checkpoint: vec!["acme-pay.example/log".to_owned(), "48201".to_owned()],
            witnesses: vec![fact("w1", "signed")],
        }),
        earlier: Some("/ledger/48170".to_owned()),
        later: Some("/ledger/48172".to_owned()),
    }
}

fn row(entry: u64, state: State, kind: &str, (title, detail): (&str, &str), seconds: i64) -> EntryRow {
    EntryRow {
        entry,
        badge: badge(state, kind),
        title: title.to_owned(),
        detail: detail.to_owned(),
        actor: "Carol".to_owned(),
        time: ago(seconds),
        href: format!("/ledger/{entry}"),
        about: Some(("release 42".to_owned(), "/releases/acme/api/production/42".to_owned())),
    }
}

fn choice(value: &str, name: &str, chosen: bool) -> Choice {
    Choice { value: value.to_owned(), name: name.to_owned(), chosen }
}
