//! Old ledgers always replay: each directory of `tests/corpus` is the data directory of an installation of an earlier
//! release. `UPDATE_CORPUS=1` makes the one of this release again until it is published.
//!
//! By the same rules every decision comes out again. By older ones it cannot be made again, and replay says so; but the
//! ledger folds without a misfit, verifies, and holds nothing that differs.

use std::path::{Path, PathBuf};

use domain::RULES;
use serde_json::{Value, json};

use super::Shop;
use crate::support::{Home, copy_dir};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A refusal of each kind that is quick to have, a release, a return, a rejection.
fn make(to: &Path) {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release();
    shop.in_repository(&["promote"], 1);
    shop.service("bad");
    shop.commit("this will not work");
    shop.in_repository(&["run"], 3);
    shop.service("fine");
    shop.commit("this works");
    shop.ok(&["run"]);
    shop.ok(&["reject", "--yes", "--reason", "not today"]);
    shop.in_repository(&["promote"], 3);
    shop.ok(&["approve", "--yes", "--reason", "today"]);
    shop.ok(&["promote"]);
    shop.ok(&["rollback", "--yes", super::PLACE]);
    shop.git(&["commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned"]);
    shop.in_repository(&["run"], 3);
    shop.ok(&["trust", "status", "--yes", "--freeze", "shop"]);
    shop.ok(&["trust", "root", "--yes", "--renew"]);
    shop.home.witnessed(&up);
    assert!(up.stop());
    let ledger = rusqlite::Connection::open(shop.home.data().join("ledger.db")).unwrap();
    ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap();
    drop(ledger);
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    for part in ["ledger.db", "blobs/sha256"] {
        let (from, target) = (shop.home.data().join(part), to.join(part));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        if from.is_dir() {
            copy_dir(&from, &target);
        } else {
            std::fs::copy(&from, &target).unwrap();
        }
    }
}

/// What `audit replay` counts, and its exit code.
fn replayed(home: &Home, data: &str) -> (Value, Option<i32>) {
    let output = home.run(&["audit", "replay", "--data", data, "-o", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    (
        text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default(),
        output.status.code(),
    )
}

#[test]
fn ledgers_of_every_release_replay() {
    let of_today = corpus().join(RULES.to_string());
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        make(&of_today);
    }
    assert!(of_today.is_dir(), "no ledger by rules {RULES} is kept: UPDATE_CORPUS=1 makes one");
    let home = Home::new();
    for item in std::fs::read_dir(corpus()).unwrap() {
        let item = item.unwrap();
        let rules: u32 = item.file_name().to_str().unwrap().parse().unwrap();
        let copy = home.dir.path().join(format!("copy-{rules}"));
        copy_dir(&item.path(), &copy);
        let copy = copy.to_str().unwrap();
        let (answer, code) = replayed(&home, copy);
        let (by_these, expected) = if rules == RULES { ("agree", 0) } else { ("other_rules", 4) };
        assert_eq!((&answer["differ"], code), (&json!(0), Some(expected)), "rules {rules}: {answer}");
        assert_eq!(answer[by_these], answer["decisions"], "rules {rules}: {answer}");
        assert_ne!(answer["decisions"], json!(0), "rules {rules}: {answer}");
        let verified = home.ok(&["audit", "verify", "--data", copy]);
        assert_eq!((&verified["breaches"], &verified["misfits"]), (&json!([]), &json!(0)), "{verified}");
    }
}
