//! A lost ledger key, and a restored backup: the ledger continues under a new origin that holders of the root have signed,
//! and agents, witness, approver and auditor accept it.

use std::process::Command;

use serde_json::json;

use super::{Shop, at};
use crate::support::Up;

/// Makes a new key and the next root, and adopts it; returns the new origin.
fn anew(shop: &Shop) -> String {
    let begun = shop.ok(&["trust", "origin", "--yes", "--out", "next-root.json"]);
    // A second attempt after an interruption uses the same key.
    assert_eq!(shop.ok(&["trust", "origin", "--yes", "--out", "next-root.json"])["vkey"], begun["vkey"]);
    let adopted = shop.ok(&["trust", "origin", "--adopt", "next-root.json"]);
    assert_eq!((&adopted["origin"], &adopted["witness"]), (&begun["origin"], &json!(true)));
    // Repeated after a crash, it changes nothing.
    assert_eq!(shop.ok(&["trust", "origin", "--adopt", "next-root.json"]), adopted);
    adopted["origin"].as_str().unwrap().to_owned()
}

fn sound(shop: &Shop) {
    let verified = shop.ok(&["audit", "verify"]);
    assert_eq!((&verified["misfits"], &verified["breaches"]), (&json!(0), &json!([])), "{verified}");
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
}

/// Waits until a release to production is pending for people; each look waits for the ledger to grow.
fn stands_open(up: &Up) {
    let mut entries = 0;
    for _ in 0..200 {
        let stage = at(up, "production")["open"]["stage"].clone();
        if stage == json!("proposed") {
            return;
        }
        entries = up.get(&format!("/api/v1/wait?past={entries}")).1.parse::<u64>().unwrap();
    }
    assert!(up.url.is_empty(), "nothing stands open: {}", at(up, "production"));
}

#[test]
fn a_lost_ledger_key_is_a_new_origin() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release();
    let running = at(&up, "production")["running"]["artifact"].clone();
    // It is refused while the server holds the ledger.
    shop.ok(&["trust", "origin", "--yes", "--out", "early.json"]);
    let busy = shop.home.run_in(&shop.repository(), &["trust", "origin", "--adopt", "early.json"]);
    let said = String::from_utf8_lossy(&busy.stderr).into_owned();
    assert!(!busy.status.success() && said.contains("another server writes"), "{said}");
    assert!(up.stop());
    let keys = shop.home.data().with_extension("keys");
    std::fs::remove_file(keys.join("ledger.pem")).unwrap();
    let failed = shop.home.run(&["up"]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && said.contains("ledger.pem"), "{said}");
    let origin = anew(&shop);
    let up = shop.home.up();
    let (status, checkpoint) = up.get("/checkpoint");
    assert!(status == 200 && checkpoint.starts_with(&origin), "{checkpoint}");
    shop.service("second");
    shop.commit("under a new origin");
    assert_eq!(shop.release()["outcome"], json!("running"));
    assert_ne!(at(&up, "production")["running"]["artifact"], running);
    assert!(up.stop());
    sound(&shop);
    // A second time, from the second origin to the third.
    let again = anew(&shop);
    assert_ne!(again, origin);
    let up = shop.home.up();
    shop.service("third");
    shop.commit("under another one");
    assert_eq!(shop.release()["outcome"], json!("running"));
    assert!(up.stop());
    sound(&shop);
}

#[test]
fn a_restored_backup_is_a_new_origin_and_numbers_that_agents_saw_are_not_used_again() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release();
    assert!(up.stop());
    let (data, backup) = (shop.home.data(), shop.home.data().with_extension("backup"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&data, &backup);
    let up = shop.home.up();
    shop.ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{}", "ab".repeat(32))]);
    shop.ok(&["trust", "status", "--yes", "--save", "status.json"]);
    for word in ["second", "third"] {
        shop.service(word);
        shop.commit(word);
        shop.release();
    }
    let lost = at(&up, "production")["running"].clone();
    assert!(up.stop());
    std::fs::remove_dir_all(&data).unwrap();
    copy(&backup, &data);
    // Entries that the approver has seen are missing, and no root says so: the audit detects it.
    let found = shop.in_repository(&["audit", "verify"], 1);
    assert!(found["error"].as_str().unwrap_or_default().contains("does not verify"), "{found}");
    anew(&shop);
    let up = shop.home.up();
    // Agents have seen a newer status than the backup holds: a person sends it again.
    shop.ok(&["trust", "send", "status.json"]);
    shop.service("fourth");
    shop.commit("after the backup was restored");
    // Each agent refuses a number that is not above the highest that it has seen, and reports the highest: the refused
    // release is then wanted under the next number automatically.
    drop(shop.home.run_in(&shop.repository(), &["run"]));
    stands_open(&up);
    drop(shop.home.run_in(&shop.repository(), &["approve", "--yes", "--reason", "after the backup"]));
    drop(shop.home.run_in(&shop.repository(), &["promote"]));
    stands_open(&up);
    shop.ok(&["approve", "--yes", "--reason", "under the new number"]);
    assert_eq!(shop.ok(&["promote"])["outcome"], json!("running"));
    let now = at(&up, "production")["running"].clone();
    assert!(now["release"].as_u64() > lost["release"].as_u64(), "{now} {lost}");
    assert!(up.stop());
    sound(&shop);
}
