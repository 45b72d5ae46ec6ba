//! Replay detects changes: one outcome, one input, one policy, one refusal, each by its entry.

use std::path::{Path, PathBuf};

use evidence::entry::{Header, Payload};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::Shop;

/// Rewrites the facts of an entry as the owner of the ledger's key could: with a header that commits to them.
fn rewrite(ledger: &Connection, seq: i64, change: impl FnOnce(&mut Value)) {
    let text = "SELECT header, facts_salt, facts FROM entry WHERE seq = ?1";
    let (header, salt, facts): (Vec<u8>, [u8; 16], Vec<u8>) =
        ledger.query_row(text, params![seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let mut value: Value = serde_json::from_slice(&facts).unwrap();
    change(&mut value);
    let payload = Payload::new("facts", &value, salt).unwrap();
    let mut header = Header::decode(&header).unwrap();
    header.facts = payload.commitment();
    let header = header.encode().unwrap();
    let text = "UPDATE entry SET header = ?2, facts = ?3 WHERE seq = ?1";
    ledger.execute(text, params![seq, header, payload.bytes]).unwrap();
}

fn entries(ledger: &Connection, kind: &str) -> Vec<i64> {
    let mut statement = ledger.prepare("SELECT seq, header FROM entry ORDER BY seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
    rows.map(Result::unwrap)
        .filter(|(_, header)| Header::decode(header).unwrap().kind == kind)
        .map(|(seq, _)| seq)
        .collect()
}

/// The policy file of a verdict.
fn policy_of(dir: &Path, ledger: &Connection, seq: i64) -> PathBuf {
    let text = "SELECT facts FROM entry WHERE seq = ?1";
    let facts: Vec<u8> = ledger.query_row(text, params![seq], |row| row.get(0)).unwrap();
    let facts: Value = serde_json::from_slice(&facts).unwrap();
    let hex = facts["policy"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let (start, rest) = hex.split_at(2);
    dir.join("blobs/sha256").join(start).join(rest)
}

#[test]
fn audit_replay_names_what_was_changed() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.in_repository(&["promote"], 3);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    shop.ok(&["promote"]);
    assert!(up.stop());
    let whole = shop.ok(&["audit", "replay"]);
    assert_eq!((&whole["differ"], &whole["agree"]), (&json!(0), &whole["decisions"]));

    let copy = |name: &str| {
        let copy = shop.home.dir.path().join(name);
        crate::support::copy_dir(&shop.home.data(), &copy);
        copy
    };
    let differs = |dir: &Path| {
        let output = shop
            .home
            .run_in(&shop.repository(), &["audit", "replay", "-o", "json", "--data", dir.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let places = found["differences"].as_array().cloned().unwrap_or_default();
        let named: Vec<String> =
            places.iter().map(|found| found["place"].as_str().unwrap().to_owned()).collect();
        (named, found)
    };

    // An outcome: the gate that held the release is recorded as passed.
    let dir = copy("outcome");
    let ledger = Connection::open(dir.join("ledger.db")).unwrap();
    let verdicts = entries(&ledger, "gate.judged");
    let held = verdicts[2];
    rewrite(&ledger, held, |facts| {
        facts["outcome"] = json!("pass");
        facts["reasons"] = json!([]);
    });
    drop(ledger);
    let (named, found) = differs(&dir);
    assert!(named.contains(&format!("entry {held}")), "{found}");

    // An input: the digest of the gate's input is replaced.
    let dir = copy("input");
    let ledger = Connection::open(dir.join("ledger.db")).unwrap();
    let last = *verdicts.last().unwrap();
    rewrite(&ledger, last, |facts| facts["input"] = json!(format!("sha256:{}", "ab".repeat(32))));
    drop(ledger);
    assert_eq!(differs(&dir).0, [format!("entry {last}")]);

    // A policy: its bytes differ, so no verdict under it can be rebuilt.
    let dir = copy("policy");
    let ledger = Connection::open(dir.join("ledger.db")).unwrap();
    let blob = policy_of(&dir, &ledger, last);
    drop(ledger);
    let text = std::fs::read_to_string(&blob).unwrap();
    std::fs::write(&blob, text.replace("approvals_needed := 1", "approvals_needed := 0")).unwrap();
    let (named, found) = differs(&dir);
    for verdict in &verdicts {
        assert!(named.contains(&format!("entry {verdict}")), "{found}");
    }

    // A command that must follow automatically is missing: a release becomes due that no gate let pass.
    let dir = copy("flow");
    let ledger = Connection::open(dir.join("ledger.db")).unwrap();
    let due = entries(&ledger, "release.due")[0];
    rewrite(&ledger, due, |facts| facts["bundle"] = json!(format!("sha256:{}", "cd".repeat(32))));
    drop(ledger);
    let (named, found) = differs(&dir);
    assert_eq!(named.first(), Some(&format!("entry {due}")), "{found}");

    // A person's request is replaced with another person's.
    let dir = copy("actor");
    let ledger = Connection::open(dir.join("ledger.db")).unwrap();
    let promoted = entries(&ledger, "release.promoted")[0];
    rewrite(&ledger, promoted, |facts| facts["person"] = json!("ab".repeat(16)));
    drop(ledger);
    assert_eq!(differs(&dir).0.first(), Some(&format!("entry {promoted}")));
}
