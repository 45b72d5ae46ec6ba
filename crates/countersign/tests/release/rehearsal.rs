//! The rehearsal as a user runs it, and the files that it leaves behind.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::console::{HTML, browser, get};
use crate::support::{Home, Up, until};

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
const WORDS: [&[&str]; 8] = [
    &["ledger-api", "rates-page", "frozen"],
    &["rust/unchecked"],
    &["countersign approve"],
    &["compare", "agreed"],
    &["rates compared"],
    &["Rates of Friday"],
    &["waiver"],
    &["it failed its judgement and went back", "stops it", "class=\"line new\""],
];

/// The line of the migration: played where PostgreSQL is, and otherwise skipped with a reason.
fn the_migration_is_told(told: &Value) {
    let story = told["story"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    let lines: Vec<_> = story.filter(|line| line.contains("a migration ")).collect();
    let is_there = std::fs::read_dir("/usr/lib/postgresql")
        .is_ok_and(|dirs| dirs.flatten().any(|dir| dir.path().join("bin/initdb").exists()));
    let beginning =
        if is_there { "a migration before the release to dev has" } else { "skipped: a migration " };
    assert!(lines.len() == 1 && lines[0].starts_with(beginning), "{lines:?}");
    assert!(
        told["story"].to_string().contains("has an SSH certificate for the account deploy until "),
        "{told}"
    );
}

/// However the demo ends, all that it started does too, and the directory of its database is gone.
#[test]
fn attack_nothing_of_a_killed_demo_goes_on() {
    let (home, dir) = (Home::new(), tempfile::tempdir().unwrap());
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = || {
        let dirs = std::fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.path());
        dirs.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("cs-")).collect::<Vec<_>>()
    };
    let mut command = home.command(&["demo", "--exit", "-o", "json"]);
    let mut demo = command.env("TMPDIR", dir.path()).stdout(Stdio::null()).spawn().unwrap();
    let socket = || found().iter().any(|dir| dir.join(".s.PGSQL.5432").exists());
    while demo.try_wait().unwrap().is_none() && !socket() {
        std::thread::yield_now();
    }
    if demo.try_wait().unwrap().is_some_and(|status| status.success()) {
        println!("skipped: no PostgreSQL on this machine");
        return;
    }
    assert!(socket(), "the demo ended before its database began");
    demo.kill().unwrap();
    demo.wait().unwrap();
    until(|| found().is_empty().then_some(()));
    // So does everything else that it started, above all the agent that has people's keys.
    let mark = dir.path().display().to_string();
    let is_its = |line: &std::path::Path| {
        String::from_utf8_lossy(&std::fs::read(line).unwrap_or_default()).contains(&mark)
    };
    until(|| {
        let mut lines = std::fs::read_dir("/proc").unwrap().flatten().map(|one| one.path().join("cmdline"));
        (!lines.any(|line| is_its(&line))).then_some(())
    });
}

#[test]
fn the_rehearsal_tells_its_story_and_leaves_a_ledger_that_anyone_can_check() {
    let home = Home::new();
    let data = home.dir.path().join("rehearsal/data");
    std::fs::create_dir_all(data.parent().unwrap()).unwrap();
    let data = data.to_str().unwrap();
    let (up, told) = home.demo_in(&["--data", data]);
    assert_eq!(told["data"], data);
    assert_eq!(told["story"].as_array().unwrap().len(), 32, "{told}");
    the_migration_is_told(&told);
    let look: Vec<_> =
        told["look"].as_array().unwrap().iter().map(|look| look["path"].as_str().unwrap()).collect();
    assert_eq!(look.len(), 8, "{told}");
    for beginning in ["/releases/bank/ledger-api/production/", "/releases/rates/rates-page/production/"] {
        assert_eq!(look.iter().filter(|path| path.starts_with(beginning)).count(), 2, "{look:?}");
    }
    assert!(told["console"].as_str().unwrap().starts_with("http://"), "{told}");
    assert!(told["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    every_look_is_a_page(&up, &home, data, &look);
    a_shown_command_works(&up, &home, &told);
    super::reproduced::everything_is_reproduced(&home, &told);
    assert!(up.stop());
    let (bundle, root) = (told["bundle"].as_str().unwrap(), told["trust_root"].as_str().unwrap());
    let verified = home.ok(&["verify", bundle, "--trust-root", root]);
    assert_eq!((&verified["outcome"], &verified["mode"]), (&json!("pass"), &json!("rehearsal")));
    let replayed = home.ok(&["audit", "replay", "--data", data]);
    // The gate that an alert held has no verdict of a policy.
    let made = replayed["agree"].as_u64().unwrap() + replayed["recorded"].as_u64().unwrap();
    assert_eq!((&replayed["differ"], &json!(made)), (&json!(0), &replayed["decisions"]));
    let audited = home.ok(&["audit", "verify", "--data", data, "--trust-root", root]);
    assert_eq!((&audited["breaches"], &audited["belief"]), (&json!([]), &json!("file")));
    let up = home.up_in(&["--data", data]);
    let (host, cookie) = browser(&up, &home, data);
    assert_eq!(get(&up, &host, look[0], &format!("{HTML}{cookie}")).status, 200, "it starts again");
    assert!(up.stop());
    let again = home.json(&["demo", "--exit", "--data", data], 1);
    assert!(again["error"].as_str().unwrap().contains("exists already"), "{again}");
}
