//! Statements of people as two of them use them: one writes the change, the other accepts what a scanner found, until a date.

use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal};
use super::reports::{CRITICAL, scanned, tomorrow};
use crate::codes;
use crate::support::Home;

#[test]
fn a_second_person_waives_a_finding_until_a_date() {
    let (shop, made) = rehearsal();
    scanned(&shop, CRITICAL);
    shop.commit("a scanner");
    let up = shop.home.up();
    let data = elsewhere(&shop, "elsewhere", &up.url);
    let bob = colleague(&shop, &made, "bob", made["people"][1]["person"].as_str().unwrap(), &data);
    let by = |home: &Home, words: &[&str]| home.ok(&[words, &["--data", &data]].concat());
    shop.ok(&["run"]);
    let release = by(&bob, &["approve", "--yes", "--reason", "tested in staging"])["release"].to_string();
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["finding-critical"], "{refused}");
    let shown = by(&bob, &["approve", "--show"]);
    let finding = shown["findings"]["worst"][0]["id"].as_str().unwrap().to_owned();
    let until = tomorrow();
    let waive = ["waive", &finding, "--yes", "--reason", "the input is ours", "--until", &until];
    // Ada wrote the change.
    let own = shop.in_repository(&waive, 3);
    assert_eq!(codes(&own), ["own-change"], "{own}");
    assert!(own["error"].as_str().unwrap().contains("makes no waiver for it"), "{own}");
    let unknown = ["waive", "ffffffffffff", "--yes", "--reason", "x", "--until", &until];
    shop.in_repository(&unknown, 3);
    bob.json(&[&unknown[..], &["--data", &data]].concat(), 1);
    let waived = by(&bob, &waive);
    assert_eq!(waived["scope"], json!("shop/ledger-api/production"));
    // Bob answers for the tests, and names the version.
    let why = ["--yes", "--reason", "read them", "--until", &until];
    let signed = by(&bob, &[&["sign-off"], &why[..]].concat());
    assert_eq!(signed["kind"], json!("sign-off"));
    let tag = |release: &str, version: &str, code: i32| {
        let words =
            ["tag", release, version, "--label", "channel=stable", "--yes", "--reason", "ready", "--data"];
        bob.json(&[&words[..], &[&data]].concat(), code)
    };
    tag("99", "1.4.0", 1);
    let twice = [
        "tag", &release, "1.4.0", "--label", "a=1", "--label", "a=2", "--yes", "--reason", "x", "--data",
        &data,
    ];
    assert_eq!(bob.json(&twice, 1)["error"], json!("label `a` is given twice"));
    tag(&release, "v1.4", 1);
    let tagged = tag(&release, "1.4.0", 0);
    assert_eq!(tagged["subjects"], signed["subjects"], "the artifact");
    // Code is mended and not declared unaffected.
    let vex = ["not-affected", &finding, "--justification", "component_not_present"];
    let vex = bob.json(&[&vex[..], &why[..], &["--data", &data]].concat(), 1);
    assert!(vex["error"].as_str().unwrap().contains("a dependency"), "{vex}");
    // Nobody approved it with these yet.
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["approval-void", "approvals-missing"], "{refused}");
    let shown = bob.run(&["approve", "--show", "--data", &data]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        ["waiver: sh/eval, by bob", "tag: 1.4.0 channel=stable", "sign-off: tests by hand"]
            .iter()
            .all(|text| shown.contains(text)),
        "{shown}"
    );
    by(&bob, &["approve", "--yes", "--reason", "with the waiver"]);
    shop.ok(&["promote", "--bundle", "waived.json"]);
    let bytes = std::fs::read(shop.repository().join("waived.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(bundle["lanes"]["statements"].as_array().unwrap().len(), 3);
    assert_eq!(shop.ok(&["verify", "waived.json"])["outcome"], json!("pass"));
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["decisions"], &replayed["differ"]), (&replayed["agree"], &json!(0)), "{replayed}");
    assert!(up.stop());
}
