//! Freezes: they are in the help, shown in sentences and signed once; which operations they leave, and what they keep.

use serde_json::json;

use crate::codes;
use crate::release::at_place;
use crate::release::shop::Shop;

const PLACE: &str = "shop/ledger-api/production";

#[test]
fn a_freeze_is_said_in_sentences_and_a_second_one_signs_nothing() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let text = |arguments: &[&str]| {
        let output = shop.home.run_in(&shop.repository(), arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (_, help) = text(&["--help"]);
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("freeze Stop all releases to a place or a project"), "{help}");
    assert!(words.contains("A rollback still works unfreeze Lift a freeze"), "{help}");
    // Without a terminal the statement is shown, and nothing is signed.
    let (code, shown) = text(&["freeze", PLACE]);
    let sentence = format!(
        "\n  this status freezes {PLACE}: nothing is released there; a rollback still works, and approvals stay as they are\n"
    );
    assert!(code == Some(2) && shown.contains(&sentence) && !shown.contains('{'), "{shown}");
    let (_, verbose) = text(&["freeze", PLACE, "--verbose"]);
    assert!(
        verbose.contains(&sentence) && verbose.contains("+      \"environment\": \"production\""),
        "{verbose}"
    );
    let entries = || shop.ok(&["status"])["entries"].clone();
    let before = entries();
    let (code, said) = text(&["freeze", PLACE, "--yes"]);
    let follows = format!("`countersign unfreeze {PLACE}` has lifted it\n");
    assert!(code == Some(0) && said.ends_with(&follows), "{said}");
    assert!(said.contains(&format!("{PLACE} is frozen: nothing is released there.")), "{said}");
    let after = entries();
    assert_ne!(after, before);
    let (code, again) = text(&["freeze", PLACE]);
    let none =
        format!("{PLACE} is frozen already, by status 2: nothing was changed, and nothing was signed\n");
    assert_eq!((code, again), (Some(0), none));
    assert_eq!(shop.ok(&["trust", "status", "--freeze", PLACE])["unchanged"], json!(true));
    assert_eq!(entries(), after);
    let unknown = shop.in_repository(&["freeze", "shop/nosuch"], 1)["error"].clone();
    assert!(unknown.as_str().unwrap().starts_with("there is no place `shop/nosuch`"), "{unknown}");
    let (_, lifted) = text(&["unfreeze", PLACE, "--yes"]);
    assert!(
        lifted.contains(&format!("\n  this status lifts the freeze of {PLACE}: releases held there proceed")),
        "{lifted}"
    );
    assert_eq!(at_place(&up, PLACE)["frozen"], json!(false));
    assert!(up.stop());
}

#[test]
fn a_rollback_works_while_frozen_and_approvals_survive() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = shop.release();
    shop.service("fine");
    shop.commit("another");
    shop.release();
    shop.ok(&["freeze", "--yes", PLACE]);
    let back = shop.ok(&["rollback", "--yes", PLACE]);
    assert_eq!((&back["outcome"], &back["to"]["release"]), (&json!("running"), &first["release"]));
    shop.service("finer");
    let commit = shop.commit("a third");
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["frozen"], "nothing but the freeze holds it");
    shop.ok(&["unfreeze", "--yes", PLACE]);
    let mut entries = 0;
    while at_place(&up, PLACE)["running"]["commit"] != json!(commit) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    assert!(up.stop());
}

#[test]
fn a_first_approval_says_what_it_is_and_commits_come_in_order() {
    let shop = Shop::new();
    shop.quick_pipeline();
    shop.commit("all of it");
    shop.in_repository(&["init", "--project", "shop"], 0);
    let up = shop.home.up();
    let shown = |shop: &Shop| {
        let output = shop.home.run_in(&shop.repository(), &["approve", "--show"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let short = |id: String| id[..12].to_owned();
    let base = short(shop.git(&["rev-parse", "HEAD"]));
    let files = shop.git(&["ls-files"]).lines().count();
    shop.ok(&["run"]);
    let page = shown(&shop);
    let first = format!(
        "first release here: {files} files, and no commit after {base}, with which this place began\nnot reviewed here: "
    );
    assert!(page.contains(&first) && !page.contains("changes since"), "{page}");
    let subjects = ["one", "two", "three", "four"];
    for subject in subjects {
        shop.commit(subject);
    }
    shop.ok(&["run"]);
    let page = shown(&shop);
    let first =
        format!("first release here: 4 commits, {files} files; after {base}, with which this place began\n");
    assert!(page.contains(&first) && page.contains(&format!("\ncommits after {base}:\n")), "{page}");
    assert!(page.contains("not reviewed here: everything up to that commit."), "{page}");
    let order = |page: &str| -> Vec<String> {
        let last = |line: &str| line.rsplit(": ").next().unwrap().to_owned();
        page.lines().filter(|line| line.contains(", signed by ")).map(last).collect()
    };
    assert_eq!(order(&page), subjects);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    shop.ok(&["promote", "--yes"]);
    shop.service("fine");
    let base = short(shop.git(&["rev-parse", "HEAD"]));
    shop.commit("five");
    shop.ok(&["run"]);
    let page = shown(&shop);
    assert!(page.contains(&format!("changes since {base}, the oldest first:\n")), "{page}");
    assert_eq!(order(&page), ["five"]);
    assert!(up.stop());
}
