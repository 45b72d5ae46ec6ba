//! Old ledgers replay for ever: each directory of `tests/corpus` is the data directory of an installation as
//! some release left it. `UPDATE_CORPUS=1` makes the one of this release anew, while it is young.

use std::path::{Path, PathBuf};

use serde_json::json;

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

#[test]
fn ledgers_of_every_release_replay() {
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        make(&corpus().join("1"));
    }
    let home = Home::new();
    let mut replayed = 0;
    for item in std::fs::read_dir(corpus()).unwrap() {
        let copy = home.dir.path().join(format!("copy-{replayed}"));
        copy_dir(&item.unwrap().path(), &copy);
        let copy = copy.to_str().unwrap();
        let answer = home.ok(&["audit", "replay", "--data", copy]);
        assert_eq!((&answer["differ"], &answer["agree"]), (&json!(0), &answer["decisions"]), "{answer}");
        let verified = home.ok(&["audit", "verify", "--data", copy]);
        assert_eq!((&verified["breaches"], &verified["misfits"]), (&json!([]), &json!(0)), "{verified}");
        replayed += 1;
    }
    assert!(replayed >= 1);
}
