//! Steps before a release: they run before it replaces what runs, are what people approved, and fail without harm.

use serde_json::{Value, json};

use super::shop::Shop;
use super::{at, services};
use crate::codes;
use crate::support::until;

/// A shop whose service runs for ever and whose release has these steps before it.
fn shop(steps: &str) -> Shop {
    let shop = Shop::solo();
    change(&shop, "1", steps);
    shop
}

/// A version of the service that writes its number to the log. `$1` of its script names the step.
fn change(shop: &Shop, version: &str, steps: &str) {
    shop.write(
        "service.sh",
        &format!(
            "#!/bin/sh
case \"${{1:-}}\" in
probe) exit 0 ;;
migrate) echo \"migrates {version} for release $COUNTERSIGN_RELEASE\"; echo {version} >> \"$STATE_DIRECTORY/done\" ;;
fail) echo no such column >&2; exit 9 ;;
wait) touch \"$STATE_DIRECTORY/waits\"; exec sleep 1000 ;;
leave) setsid sleep 999 & exit 0 ;;
*) echo version {version} begins; exec sleep 1000 ;;
esac
"
        ),
    );
    shop.write(
        ".countersign/release.yaml",
        &format!(
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], stop-seconds: 1 }}
    before: {steps}
    probe: {{ command: [bin/ledger-api, probe], {quick} }}
",
            quick = services::QUICK
        ),
    );
    shop.commit(version);
}

fn step(name: &str, more: &str) -> String {
    format!("[{{ name: {name}, command: [bin/ledger-api, {name}]{more} }}]")
}

fn state(shop: &Shop, environment: &str) -> std::path::PathBuf {
    shop.home.data().with_file_name(format!("data.agent-ledger-api-{environment}")).join("state")
}

fn words(failed: &Value) -> String {
    failed["reasons"].as_array().unwrap().iter().map(|reason| format!("{reason}\n")).collect()
}

/// The log, as soon as the agent has sent some of it: right after a start, the server has none.
fn log(shop: &Shop) -> String {
    until(|| {
        let output = shop.home.run_in(&shop.repository(), &["logs", "shop/ledger-api/dev", "-o", "json"]);
        let said: Value = serde_json::from_slice(&output.stdout).ok()?;
        said["log"].as_str().map(str::to_owned)
    })
}

/// Positions of these texts in a log rise.
fn in_order(log: &str, texts: &[&str]) {
    let places: Vec<_> = texts.iter().map(|text| log.find(text)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{texts:?}: {places:?} in {log}");
}

#[test]
fn a_step_runs_once_before_its_release_and_is_approved() {
    let shop = shop(&step("migrate", ", environments: [dev, production], time-seconds: 30"));
    let up = shop.home.up();
    shop.ok(&["run"]);
    let done =
        |environment| std::fs::read_to_string(state(&shop, environment).join("done")).unwrap_or_default();
    assert_eq!([done("dev").as_str(), done("staging").as_str()], ["1\n", ""]);
    until(|| log(&shop).contains("version 1 begins").then_some(()));
    in_order(
        &log(&shop),
        &[
            "step `migrate` before release 1 begins",
            "migrates 1 for release 1",
            "step `migrate` before release 1 is done",
            "version 1 begins",
        ],
    );
    let review = shop.home.run_in(&shop.repository(), &["approve", "--show"]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    assert!(
        review.contains("before it, `migrate` runs for at most 30 s: bin/ledger-api migrate"),
        "{review}"
    );
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    shop.ok(&["promote"]);
    assert_eq!(done("production"), "1\n");
    // A restart of the agent begins no release.
    assert!(up.stop());
    let up = shop.home.up();
    until(|| (at(&up, "dev")["running"]["release"] == json!(1)).then_some(()));
    until(|| (log(&shop).matches("version 1 begins").count() == 2).then_some(()));
    assert_eq!([done("dev").as_str(), done("production").as_str()], ["1\n", "1\n"]);
    // A rollback brings back what the steps had run for.
    change(&shop, "2", &step("migrate", ""));
    shop.ok(&["run"]);
    assert_eq!(done("dev"), "1\n2\n");
    shop.ok(&["rollback", "shop/ledger-api/dev", "--yes", "--reason", "back"]);
    until(|| (log(&shop).matches("version 1 begins").count() == 3).then_some(()));
    assert_eq!(done("dev"), "1\n2\n");
    assert!(up.stop());
}

#[test]
fn a_step_that_fails_leaves_what_runs_alone() {
    let shop = shop("[]");
    let up = shop.home.up();
    shop.ok(&["run"]);
    let before = at(&up, "dev")["running"].clone();
    let steps = "[{ name: migrate, command: [bin/ledger-api, migrate] }, { name: fail, command: [bin/ledger-api, fail] }]";
    change(&shop, "2", steps);
    let failed = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"]);
    let said = words(&failed);
    assert!(
        said.contains("step `fail` before the release failed: it ended with exit code 9; what ran goes on"),
        "{said}"
    );
    assert!(said.contains("no such column"), "{said}");
    assert_eq!(at(&up, "dev")["running"], before);
    // It was not even started again.
    assert_eq!(log(&shop).matches("version 1 begins").count(), 1, "{}", log(&shop));
    // A step that takes too long is ended, with everything that it started.
    change(&shop, "3", &step("wait", ", time-seconds: 1"));
    let failed = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"]);
    assert!(words(&failed).contains("it did not end within 1 seconds"), "{failed}");
    assert_eq!(at(&up, "dev")["running"], before);
    // One that is not in the artifact.
    change(&shop, "4", "[{ name: other, command: [bin/other] }]");
    let failed = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"]);
    assert!(words(&failed).contains("cannot be started"), "{failed}");
    assert!(up.stop());
}

#[test]
fn attack_a_step_that_takes_an_hour_ends_with_a_freeze_and_with_the_agent() {
    let shop = shop(&step("wait", ", time-seconds: 3600"));
    let up = shop.home.up();
    let waits = state(&shop, "dev").join("waits");
    let ran = std::thread::scope(|scope| {
        let run = scope.spawn(|| shop.in_repository(&["run"], 3));
        while !waits.exists() {
            assert!(!run.is_finished(), "the run ended without a step");
            std::thread::yield_now();
        }
        shop.ok(&["trust", "status", "--yes", "--freeze", "shop"]);
        run.join().unwrap()
    });
    assert_eq!(codes(&ran), ["before-interrupted"]);
    assert!(words(&ran).contains("shop/ledger-api/dev is frozen"), "{ran}");
    shop.ok(&["trust", "status", "--yes", "--unfreeze", "shop"]);
    // Another one ends with its agent, and its release is still due when the agent starts again: it runs once more.
    std::fs::remove_file(&waits).unwrap();
    change(&shop, "2", &step("wait", ", time-seconds: 3600"));
    let mut run = shop.home.spawn_in(&shop.repository(), &["run"]);
    while !waits.exists() {
        assert!(run.try_wait().unwrap().is_none(), "the run ended without a step");
        std::thread::yield_now();
    }
    assert!(up.stop());
    drop(run.kill());
    run.wait().unwrap();
    std::fs::remove_file(&waits).unwrap();
    let up = shop.home.up();
    assert_eq!(at(&up, "dev")["open"]["stage"], json!("due"));
    until(|| waits.exists().then_some(()));
    assert!(up.stop());
}

#[test]
fn attack_nothing_that_a_step_starts_outlives_it() {
    let shop = shop(&step("leave", ""));
    let up = shop.home.up();
    shop.ok(&["run"]);
    let mark = format!("STATE_DIRECTORY={}", state(&shop, "dev").display());
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let left = pids.filter(|pid| {
        let variables = std::fs::read(pid.path().join("environ")).unwrap_or_default();
        let is_marked = String::from_utf8_lossy(&variables).split('\0').any(|variable| variable == mark);
        let line = std::fs::read(pid.path().join("cmdline")).unwrap_or_default();
        is_marked && line.ends_with(b"sleep\x00999\x00")
    });
    assert_eq!(left.count(), 0);
    assert!(up.stop());
}
