//! Where evidence is saved, and how it is fetched later.

use std::path::PathBuf;

use serde_json::json;

use crate::release::shop::Shop;
use crate::support::Home;

const PLACE: &str = "shop/ledger-api/production";

#[test]
fn evidence_enters_no_commit_and_can_be_fetched_later() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let promoted = shop.release();
    let bundle = shop.repository().join("shop-ledger-api-production-1.bundle");
    assert!(bundle.exists());
    assert_eq!(promoted["next"], json!("countersign verify shop-ledger-api-production-1.bundle"));
    assert_eq!(shop.git(&["status", "--porcelain"]), "", "nothing that the next commit would take along");
    let excluded = shop.git(&["check-ignore", "-v", bundle.to_str().unwrap()]);
    assert!(excluded.starts_with(".git/info/exclude:"), "{excluded}");
    let verified = shop.ok(&["verify", bundle.to_str().unwrap()]);
    assert_eq!((&verified["outcome"], &verified["place"]), (&json!("pass"), &json!(PLACE)));
    let text = shop.home.run_in(&shop.repository(), &["evidence"]);
    let said = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(said.starts_with(&format!("evidence of release 1 of {PLACE} saved in `")), "{said}");
    assert!(said.ends_with("next: countersign verify shop-ledger-api-production-1.bundle\n"), "{said}");
    let exclude = std::fs::read_to_string(shop.repository().join(".git/info/exclude")).unwrap();
    assert_eq!(exclude.matches("\nshop-*.bundle\n").count(), 1, "it is told once: {exclude}");
    // A `.gitignore` that includes bundles again has priority: the exclude file gets no second line.
    shop.write(".gitignore", "!*.bundle\n");
    let outside = shop.home.dir.path().join(".local/share/countersign/evidence");
    assert!(PathBuf::from(shop.ok(&["evidence"])["bundle"].as_str().unwrap()).starts_with(&outside));
    assert_eq!(std::fs::read_to_string(shop.repository().join(".git/info/exclude")).unwrap(), exclude);
    std::fs::remove_file(shop.repository().join(".gitignore")).unwrap();

    // If git cannot be told to ignore the file, it is saved outside of the repository.
    std::fs::remove_dir_all(shop.repository().join(".git/info")).unwrap();
    std::fs::write(shop.repository().join(".git/info"), "").unwrap();
    std::fs::remove_file(&bundle).unwrap();
    let elsewhere = PathBuf::from(shop.ok(&["evidence", PLACE])["bundle"].as_str().unwrap());
    assert!(elsewhere.starts_with(&outside));
    assert!(!bundle.exists());
    std::fs::copy(&elsewhere, shop.home.dir.path().join("one.bundle")).unwrap();

    // A freeze held this release while nobody waited, and it proceeded once the freeze was lifted.
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
    let read = |name: &str| std::fs::read(shop.home.dir.path().join(name)).unwrap();
    std::fs::write(shop.home.dir.path().join("first.bundle"), "an older answer").unwrap();
    shop.ok(&["evidence", PLACE, "1", "--out", "../first.bundle"]);
    assert_eq!(read("one.bundle"), read("first.bundle"));

    // Only the agent judges a rollback: its evidence is that of the release that it brought back.
    shop.ok(&["rollback", "--yes", PLACE]);
    assert_eq!(shop.ok(&["evidence", PLACE])["release"], json!(1));
    let none = shop.in_repository(&["evidence", PLACE, "9"], 1)["error"].clone();
    assert_eq!(none, json!(format!("the server shows no release 9 of {PLACE}; it shows 1, 2, 3")));
    assert!(up.stop());
}

/// A stranger has only the bundle.
#[test]
fn a_stranger_is_told_where_the_trust_root_comes_from_and_that_a_file_is_cut() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release_to("evidence.json");
    let file = shop.repository().join("evidence.json");
    let stranger = Home::new();
    let path = file.to_str().unwrap();
    let failed = stranger.json(&["verify", path], 1)["error"].as_str().unwrap().to_owned();
    assert!(failed.contains("`countersign trust root --out FILE`") && failed.ends_with("--trust-root FILE"));
    let help = String::from_utf8_lossy(&stranger.run(&["verify", "--help"]).stdout).into_owned();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("`countersign trust root --out FILE`"), "{help}");
    let root = stranger.dir.path().join("root.json");
    shop.ok(&["trust", "root", "--out", root.to_str().unwrap()]);
    stranger.ok(&["verify", path, "--trust-root", root.to_str().unwrap()]);
    let other = stranger.json(&["verify", path, "--trust-root", path], 1)["error"].clone();
    assert!(other.as_str().unwrap().ends_with("as `countersign trust root --out FILE` writes it"), "{other}");
    let bytes = std::fs::read(&file).unwrap();
    let cut = stranger.dir.path().join("cut.json");
    // Space at the end does not count.
    let half = bytes[..bytes.len() / 2].trim_ascii_end();
    std::fs::write(&cut, half).unwrap();
    let failed = stranger.json(&["verify", cut.to_str().unwrap()], 1)["error"].clone();
    let words = format!("the file is cut: it ends in the middle of the bundle, after {} bytes", half.len());
    assert!(failed.as_str().unwrap().contains(&words), "{failed}");
    assert!(up.stop());
}
