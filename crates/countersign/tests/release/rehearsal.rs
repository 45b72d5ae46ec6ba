//! The rehearsal as a user runs it, and the files that it leaves behind.

use serde_json::json;

use super::console::{HTML, browser, get};
use crate::support::Home;

/// The pages of the guided list, from the installation that the rehearsal left behind.
fn every_look_is_a_page(home: &Home, data: &str, look: &[&str]) {
    let up = home.up_in(&["--data", data]);
    let (host, cookie) = browser(&up, home, data);
    for (path, words) in look.iter().zip(WORDS) {
        let page = get(&up, &host, path, &format!("{HTML}{cookie}"));
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        for word in words {
            assert!(page.body.contains(word), "{path} has no `{word}`: {}", page.body);
        }
    }
    assert!(up.stop());
}

/// Words of each page of the list.
const WORDS: [&[&str]; 7] = [
    &["ledger-api", "rates-page", "frozen"],
    &["rust/unchecked"],
    &["countersign approve"],
    &["compare", "agreed"],
    &["rates compared"],
    &["Rates of Friday"],
    &["waiver"],
];

#[test]
fn the_rehearsal_tells_its_story_and_leaves_a_ledger_that_anyone_can_check() {
    let home = Home::new();
    let data = home.dir.path().join("rehearsal/data");
    std::fs::create_dir_all(data.parent().unwrap()).unwrap();
    let data = data.to_str().unwrap();
    let told = home.ok(&["demo", "--exit", "--data", data]);
    assert_eq!(told["data"], data);
    assert_eq!(told["story"].as_array().unwrap().len(), 21, "{told}");
    let look: Vec<_> =
        told["look"].as_array().unwrap().iter().map(|look| look["path"].as_str().unwrap()).collect();
    assert_eq!(look.len(), 7, "{told}");
    for beginning in ["/releases/bank/ledger-api/production/", "/releases/rates/rates-page/production/"] {
        assert_eq!(look.iter().filter(|path| path.starts_with(beginning)).count(), 2, "{look:?}");
    }
    assert!(told["console"].as_str().unwrap().starts_with("http://"), "{told}");
    assert!(told["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let (bundle, root) = (told["bundle"].as_str().unwrap(), told["trust_root"].as_str().unwrap());
    let verified = home.ok(&["verify", bundle, "--trust-root", root]);
    assert_eq!((&verified["outcome"], &verified["mode"]), (&json!("pass"), &json!("rehearsal")));
    let replayed = home.ok(&["audit", "replay", "--data", data]);
    assert_eq!((&replayed["differ"], &replayed["agree"]), (&json!(0), &replayed["decisions"]));
    let audited = home.ok(&["audit", "verify", "--data", data, "--trust-root", root]);
    assert_eq!((&audited["breaches"], &audited["belief"]), (&json!([]), &json!("file")));
    every_look_is_a_page(&home, data, &look);
    let again = home.json(&["demo", "--exit", "--data", data], 1);
    assert!(again["error"].as_str().unwrap().contains("exists already"), "{again}");
}
