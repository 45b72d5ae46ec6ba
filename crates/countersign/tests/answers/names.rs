//! Names that people use and mistype, and the words of the answers.

use std::io::{BufRead as _, BufReader};

use serde_json::json;

use crate::release::at_place;
use crate::release::shop::Shop;
use crate::support::Home;

const PLACE: &str = "shop/ledger-api/production";

/// A valid but unknown name is an error (1); an invalid name is a usage error (2).
#[test]
fn unknown_names_end_alike_everywhere() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let (run, digits) = ("ab".repeat(16), "abcd");
    let unknown: [&[&str]; 14] = [
        &["approve", "shop/ledger-api/nosuch", "--reason", "x"],
        &["promote", "shop/ledger-api/nosuch"],
        &["rollback", "shop/ledger-api/nosuch"],
        &["logs", "shop/ledger-api/nosuch"],
        &["evidence", "shop/ledger-api/nosuch"],
        &["freeze", "shop/nosuch"],
        &["unfreeze", "shop/nosuch"],
        &["cancel", &run],
        &["cancel", digits],
        &["logs", &run],
        &["logs", digits],
        &["run", "--project", "nosuch"],
        &["trust", "root", "--remove-witness", "nosuch", "--out", "x.json"],
        &["trust", "root", "--remove-runner", "nosuch", "--out", "x.json"],
    ];
    for words in unknown {
        shop.in_repository(words, 1);
    }
    let unreadable: [&[&str]; 6] = [
        &["approve", "nosuch", "--reason", "x"],
        &["promote", "nosuch"],
        &["rollback", "Shop/x/y"],
        &["freeze", "Shop!"],
        &["cancel", "no"],
        &["logs", "no"],
    ];
    for words in unreadable {
        shop.in_repository(words, 2);
    }
    assert!(up.stop());
}

#[test]
fn usage_errors_are_json_where_that_is_asked_for() {
    let home = Home::new();
    let cases: [&[&str]; 4] = [
        &["run", "--nosuch", "-o", "json"],
        &["--output=json", "nosuch"],
        &["-ojson", "approve", "x", "--reason", ""],
        &["cancel", "--output", "json"],
    ];
    for words in cases {
        let output = home.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = said["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.starts_with("error:"), "{said}");
        assert!(output.stderr.is_empty(), "{words:?}");
    }
    // A word after `--` is not an option.
    let output = home.run(&["run", "--nosuch", "--", "-o", "json"]);
    assert!(output.stdout.is_empty() && output.status.code() == Some(2));
}

#[test]
fn status_says_what_is_true_of_rollbacks_and_freezes() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = shop.release();
    shop.service("fine");
    shop.commit("another");
    let status = || {
        let said = shop.home.run_in(&shop.repository(), &["status"]);
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    assert!(status().contains(" is proposed, 1 approval\n"), "{}", status());
    shop.ok(&["promote"]);
    assert!(status().contains("; production replaced"), "{}", status());
    let back = shop.ok(&["rollback", "--yes", PLACE, "--reason", "it is slow"]);
    assert_eq!(back["to"]["release"], first["release"]);
    let said = status();
    assert!(said.contains("; production running again after a rollback"), "{said}");
    assert!(said.contains("; production rolled back by rollback 3"), "{said}");
    assert!(!said.contains("production replaced"), "{said}");

    shop.ok(&["freeze", "--yes", PLACE]);
    let view = shop.ok(&["status"])["freezes"][0].clone();
    let time = view["time"].as_str().unwrap();
    let line = format!("{PLACE} is frozen by Ada since {time}, until `countersign unfreeze {PLACE}`");
    assert!(status().contains(&line), "{}", status());
    // A newer status does not change the beginning of a freeze.
    shop.ok(&["freeze", "--yes", "shop/ledger-api/dev"]);
    let views = shop.ok(&["status"])["freezes"].clone();
    assert!(views.as_array().unwrap().contains(&view), "{views}");
    shop.ok(&["unfreeze", "--yes", PLACE]);
    assert_eq!(shop.ok(&["status"])["freezes"].as_array().unwrap().len(), 1);
    assert_eq!(at_place(&up, PLACE)["frozen"], json!(false));
    assert_eq!(shop.ok(&["audit", "verify"])["views"], json!("as the ledger says"));
    assert!(up.stop());
}

#[test]
fn a_run_says_that_its_steps_run_and_who_cancelled_it() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    shop.write(".countersign/pipeline.yaml", &text.replace("test ! -e broken", "sleep 1000"));
    shop.commit("it takes its time");
    let up = shop.home.up();
    let mut child = shop.home.spawn_in(&shop.repository(), &["run"]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let begun = lines.by_ref().find(|line| line.starts_with("run ")).unwrap();
    let run = begun.split(' ').nth(1).unwrap().to_owned();
    assert!(lines.by_ref().any(|line| line.starts_with("step test on runner-1: running")), "{run}");
    shop.ok(&["cancel", &run]);
    let said: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(said.contains(&"  run-cancelled: Ada ended it".to_owned()), "{said:#?}");
    assert!(up.stop());
}
