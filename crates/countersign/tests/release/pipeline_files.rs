//! Changed pipeline files at the gate: named, and let through by enough people alone.

use std::path::Path;

use serde_json::json;

use super::{PLACE, Shop, at};
use crate::codes;

const WORKFLOW: &str = ".github/workflows/ci.yml";

#[test]
fn a_changed_pipeline_file_needs_further_approval() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release();
    let dir = shop.home.dir.path().join("policy");
    shop.ok(&["policy", "copy", dir.to_str().unwrap()]);
    strict(&dir);
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir.to_str().unwrap()]);
    let proposed = |why: &str| {
        shop.commit(why);
        shop.ok(&["run"]);
        shop.ok(&["approve", "--yes", "--reason", "looked at it"]);
    };
    let refused = |code: &str, words: &str| {
        let before = at(&up, "production")["running"].clone();
        let refused = shop.in_repository(&["promote"], 3);
        assert_eq!(codes(&refused), [code], "{refused}");
        let what = refused["reasons"][0]["what"].as_str().unwrap();
        assert!(what.ends_with(words), "{refused}");
        assert_eq!(at(&up, "production")["running"], before);
    };
    shop.write(WORKFLOW, "on: push\n");
    shop.write("notes.txt", "a change of something else\n");
    proposed("a workflow");
    refused(
        "pipeline-changed",
        &format!("1 of 2 people in role release-manager approve: {WORKFLOW} (added)"),
    );
    std::fs::remove_file(shop.repository().join(WORKFLOW)).unwrap();
    proposed("no workflow");
    shop.ok(&["promote"]);
    // The change counts from what runs now.
    shop.write("Makefile", "all:\n");
    proposed("a build script");
    refused("pipeline-changed", "approve: Makefile (added)");
    std::fs::remove_file(shop.repository().join("Makefile")).unwrap();
    proposed("tidy\n\nAssisted-by: a tool");
    refused("assisted-unreviewed", "1 of 2 people in role release-manager approve: a tool");
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// The rules block one person alone too, in production.
fn strict(dir: &Path) {
    let file = dir.join("limits.rego");
    let text = std::fs::read_to_string(&file).unwrap();
    let rows = text.lines().map(|line| {
        let rules = ["pipeline-changed", "pipeline-uncompared", "assisted-unreviewed"];
        let is_row = rules.iter().any(|rule| line.contains(&format!("\"{rule}\":")));
        if is_row {
            line.replace("\"solo\": \"off\"", "\"solo/production\": \"block\", \"solo\": \"off\"")
        } else {
            line.to_owned()
        }
    });
    std::fs::write(file, rows.collect::<Vec<_>>().join("\n")).unwrap();
}
