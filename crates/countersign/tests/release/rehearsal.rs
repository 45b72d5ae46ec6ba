//! The rehearsal as a user runs it, and the files that it leaves behind.

use serde_json::json;

use crate::support::Home;

#[test]
fn the_rehearsal_tells_its_story_and_leaves_a_ledger_that_anyone_can_check() {
    let home = Home::new();
    let data = home.dir.path().join("rehearsal/data");
    std::fs::create_dir_all(data.parent().unwrap()).unwrap();
    let data = data.to_str().unwrap();
    let told = home.ok(&["demo", "--exit", "--data", data]);
    assert_eq!(told["data"], data);
    assert_eq!(told["story"].as_array().unwrap().len(), 16, "{told}");
    assert!(told["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let (bundle, root) = (told["bundle"].as_str().unwrap(), told["trust_root"].as_str().unwrap());
    let verified = home.ok(&["verify", bundle, "--trust-root", root]);
    assert_eq!((&verified["outcome"], &verified["mode"]), (&json!("pass"), &json!("rehearsal")));
    let replayed = home.ok(&["audit", "replay", "--data", data]);
    assert_eq!((&replayed["differ"], &replayed["agree"]), (&json!(0), &replayed["decisions"]));
    let audited = home.ok(&["audit", "verify", "--data", data, "--trust-root", root]);
    assert_eq!((&audited["breaches"], &audited["belief"]), (&json!([]), &json!("file")));
    let again = home.json(&["demo", "--exit", "--data", data], 1);
    assert!(again["error"].as_str().unwrap().contains("exists already"), "{again}");
}
