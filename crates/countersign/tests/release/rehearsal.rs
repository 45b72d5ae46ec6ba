//! The rehearsal as a user runs it, and the files that it leaves behind.

use std::process::Stdio;

use serde_json::{Value, json};

use super::console::{HTML, browser, get};
use crate::support::{Home, Up};

/// The pages of the guided list.
fn every_look_is_a_page(up: &Up, home: &Home, data: &str, look: &[&str]) {
    let (host, cookie) = browser(up, home, data);
    for (path, words) in look.iter().zip(WORDS) {
        let page = get(up, &host, path, &format!("{HTML}{cookie}"));
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        for word in words {
            assert!(page.body.contains(word), "{path} has no `{word}`: {}", page.body);
        }
    }
}

/// A command that a page shows, given in a shell as the report says: with the reason in the place of its word.
fn a_shown_command_works(up: &Up, home: &Home, told: &Value) {
    let (host, cookie) = browser(up, home, told["data"].as_str().unwrap());
    let page = get(up, &host, told["look"][2]["path"].as_str().unwrap(), &format!("{HTML}{cookie}"));
    let (_, rest) = page.body.split_once("data-copy=\"countersign approve ").unwrap();
    let shown = format!("countersign approve {}", rest.split_once('"').unwrap().0);
    assert!(shown.ends_with(" --reason WHY"), "{shown}");
    let alice = &told["people"][0];
    assert_eq!(alice["name"], "alice");
    let lines: Vec<_> =
        alice["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let given = |command: &str| {
        let mut shell = home.program("sh");
        shell
            .args(["-euc", &format!("{}\n{command} --yes", lines.join("\n"))])
            .env("XDG_CONFIG_HOME", "/elsewhere");
        let output = shell.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let copied = given(&shown);
    assert_eq!(copied.0, Some(2), "{}", copied.1);
    let approved = given(&shown.replace("WHY", "'saw the rates in staging'"));
    assert_eq!(approved.0, Some(0), "{shown}: {}", approved.1);
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
    let (up, told) = home.demo_in(&["--data", data]);
    assert_eq!(told["data"], data);
    assert_eq!(told["story"].as_array().unwrap().len(), 23, "{told}");
    let look: Vec<_> =
        told["look"].as_array().unwrap().iter().map(|look| look["path"].as_str().unwrap()).collect();
    assert_eq!(look.len(), 7, "{told}");
    for beginning in ["/releases/bank/ledger-api/production/", "/releases/rates/rates-page/production/"] {
        assert_eq!(look.iter().filter(|path| path.starts_with(beginning)).count(), 2, "{look:?}");
    }
    assert!(told["console"].as_str().unwrap().starts_with("http://"), "{told}");
    assert!(told["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    every_look_is_a_page(&up, &home, data, &look);
    a_shown_command_works(&up, &home, &told);
    assert!(up.stop());
    let (bundle, root) = (told["bundle"].as_str().unwrap(), told["trust_root"].as_str().unwrap());
    let verified = home.ok(&["verify", bundle, "--trust-root", root]);
    assert_eq!((&verified["outcome"], &verified["mode"]), (&json!("pass"), &json!("rehearsal")));
    let replayed = home.ok(&["audit", "replay", "--data", data]);
    assert_eq!((&replayed["differ"], &replayed["agree"]), (&json!(0), &replayed["decisions"]));
    let audited = home.ok(&["audit", "verify", "--data", data, "--trust-root", root]);
    assert_eq!((&audited["breaches"], &audited["belief"]), (&json!([]), &json!("file")));
    let up = home.up_in(&["--data", data]);
    let (host, cookie) = browser(&up, &home, data);
    assert_eq!(get(&up, &host, look[0], &format!("{HTML}{cookie}")).status, 200, "it starts again");
    assert!(up.stop());
    let again = home.json(&["demo", "--exit", "--data", data], 1);
    assert!(again["error"].as_str().unwrap().contains("exists already"), "{again}");
}
