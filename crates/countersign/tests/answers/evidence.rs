//! Where evidence is saved, and how it is fetched later.

use std::path::PathBuf;

use serde_json::json;

use crate::release::shop::Shop;

const PLACE: &str = "shop/ledger-api/production";

#[test]
fn evidence_lies_outside_of_the_repository_and_can_be_fetched_later() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let promoted = shop.release();
    assert_eq!(shop.git(&["status", "--porcelain"]), "", "nothing that the next commit would take along");
    let bundle = PathBuf::from(promoted["bundle"].as_str().unwrap());
    assert!(bundle.starts_with(shop.home.dir.path().join(".local/share/countersign/evidence")));
    assert_eq!(promoted["next"], json!(format!("countersign verify {}", bundle.display())));
    let verified = shop.ok(&["verify", bundle.to_str().unwrap()]);
    assert_eq!((&verified["outcome"], &verified["place"]), (&json!("pass"), &json!(PLACE)));
    let text = shop.home.run_in(&shop.repository(), &["evidence"]);
    let said = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(said.starts_with(&format!("evidence of release 1 of {PLACE} saved in `")), "{said}");
    assert_eq!(shop.git(&["status", "--porcelain"]), "");

    // What went out while nobody waited: a freeze held it, and it went on once that was lifted.
    shop.service("fine");
    shop.commit("another");
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE]);
    shop.in_repository(&["promote"], 3);
    shop.ok(&["trust", "status", "--yes", "--unfreeze", PLACE]);
    let mut entries = 0;
    while crate::release::at_place(&up, PLACE)["running"]["release"] != json!(2) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    let saved = shop.ok(&["evidence", PLACE, "--out", "../second.bundle"]);
    assert_eq!(saved["release"], json!(2));
    assert_eq!(shop.ok(&["verify", "../second.bundle"])["release"], json!(2));
    shop.ok(&["evidence", PLACE, "1", "--out", "../first.bundle"]);
    assert_eq!(
        std::fs::read(&bundle).unwrap(),
        std::fs::read(shop.home.dir.path().join("first.bundle")).unwrap()
    );

    // A rollback is judged by nobody but the agent: its evidence is that of what it brought back.
    shop.ok(&["rollback", "--yes", PLACE]);
    assert_eq!(shop.ok(&["evidence", PLACE])["release"], json!(1));
    let none = shop.in_repository(&["evidence", PLACE, "9"], 1)["error"].clone();
    assert_eq!(none, json!(format!("the server shows no release 9 of {PLACE}; it shows 1, 2, 3")));
    assert!(up.stop());
}
