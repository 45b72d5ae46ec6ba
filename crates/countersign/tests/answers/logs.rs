//! Logs as people read them, and ids as people type them.

use serde_json::{Value, json};

use super::projects::another;
use crate::codes;
use crate::release::shop::Shop;

/// The output of a command in the repository.
fn printed(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.home.run_in(&shop.repository(), arguments);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn logs_say_whose_they_are_and_of_which_run() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    // The log needs more than one answer, cut within a character, and its last line has no end.
    let build = "      mkdir -p out\n      printf 'x'; yes ä | head -n 400000 | tr -d '\\n'";
    let test = "test: { needs: [build], run: 'echo never >&2; exit 1' }";
    let text = text.replace("      mkdir -p out", build).replace("test: { run: test ! -e broken }", test);
    shop.write(".countersign/pipeline.yaml", &text);
    let commit = shop.commit("fails");
    let up = shop.home.up();
    let answer = shop.in_repository(&["run"], 3);
    assert!(codes(&answer).iter().all(|code| *code == "step-failed"));
    let tails = answer["logs"].as_array().unwrap();
    let tail = json!({ "kind": "step", "name": "test", "runner": tails[0]["runner"], "lines": ["never"], "cut": false });
    assert_eq!(tails, &[tail], "one runner tells the cause");
    let said = shop.home.run_in(&shop.repository(), &["run"]).stderr;
    let said = String::from_utf8(said).unwrap();
    let end = said.split_once("\n  log of step test on runner-").unwrap().1;
    assert!(end.ends_with(":\n    | never\n"), "{said}");
    let runs: Value = serde_json::from_str(&up.get("/api/v1/runs").1).unwrap();
    let run = runs[0]["run"].as_str().unwrap();
    let whole = format!("run {run} of shop at commit {commit}: failed\n");
    // The runner that finishes first ends the run for both.
    let works = runs[0]["works"].as_array().unwrap();
    let failed = works.iter().find(|work| work["state"] == "failed").unwrap()["runner"].as_str().unwrap();
    let built = format!("== step build on {failed}: passed\nx{}\n", "ä".repeat(400_000));
    let tested = format!("== step test on {failed}: failed\nnever\n");
    assert!(
        printed(&shop, &["logs"]).contains(&tested),
        "the log of what failed is shown on whichever runner"
    );
    let said = printed(&shop, &["logs", "--runner", failed]);
    assert!(said == format!("{whole}{built}{tested}"), "{} bytes", said.len());
    assert_eq!(printed(&shop, &["logs", "-f", run, "test", "--runner", failed]), format!("{whole}{tested}"));
    // The first digits are enough, and an unknown step is an error that lists the known ones.
    let short = &run[..6];
    assert_eq!(printed(&shop, &["logs", short, "test", "--runner", failed]), format!("{whole}{tested}"));
    let missing = shop.in_repository(&["logs", short, "tset"], 1)["error"].clone();
    assert_eq!(
        missing,
        json!(format!("run {run} has no step, artifact or check `tset` so far; it has build, test"))
    );
    let none = shop.in_repository(&["cancel", "ffffffff"], 1)["error"].clone();
    assert_eq!(none, json!("there is no run whose id begins with `ffffffff`; see `countersign status`"));
    shop.in_repository(&["cancel", "fff"], 2);

    // Another project has a newer run: each repository shows its own.
    let books = another(&shop, "books");
    shop.home.json_in(&books, &["project", "add"], 0);
    let none = shop.home.json_in(&books, &["logs"], 1)["error"].clone();
    assert_eq!(none, json!("there is no run of books yet; begin one with `countersign run`"));
    let newer = shop.home.json_in(&books, &["run", "--no-wait"], 0)["run"].clone();
    assert_eq!(shop.home.json_in(&books, &["logs"], 0)["run"], newer);
    assert_eq!(shop.ok(&["logs"])["run"], json!(run));
    assert_eq!(shop.home.ok(&["logs"])["run"], newer, "outside all repositories the newest run is shown");
    assert!(up.stop());
}

/// A step that never began has no log, and the command does not wait for one.
#[test]
fn what_a_run_never_did_is_said_at_once() {
    let shop = Shop::solo();
    let text = shop.sign_off();
    let needs = text.replace("  build:\n", "  build:\n    needs: [sign-off]\n");
    let node = "steps:\n  sign-off: { needs: [test], approval: { role: release-manager, count: 1 } }\n";
    shop.write(".countersign/pipeline.yaml", &needs.replace("steps:\n", node));
    shop.commit("somebody agrees before it is built");
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    let short = &run[..8];
    assert_eq!(shop.ok(&["cancel", short])["run"], json!(run));
    let said = printed(&shop, &["logs", short]);
    assert!(said.starts_with(&format!("run {run} of shop at commit ")), "{said}");
    assert!(said.lines().next().unwrap().ends_with(": cancelled"), "{said}");
    assert!(!said.contains("step build"), "{said}");
    assert!(up.stop());
}
