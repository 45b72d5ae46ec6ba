//! Services as people see them: a release that does not work says why, a crash shows in `status`, the output is in
//! `logs PLACE`, and a freeze ends a running probe.

use serde_json::{Value, json};

use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::until;

/// A shop with a process that runs this script, and this probe command.
pub fn shop(service: &str, probe: &str, tries: &str) -> Shop {
    let shop = Shop::solo();
    change(&shop, service, probe, tries);
    shop
}

pub fn change(shop: &Shop, service: &str, probe: &str, tries: &str) {
    let script = format!("#!/bin/sh\nif [ \"${{1:-}}\" = probe ]; then\n{probe}\nexit\nfi\n{service}\n");
    shop.write("service.sh", &script);
    shop.write(
        ".countersign/release.yaml",
        &format!(
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], stop-seconds: 1 }}
    env: {{ PATH: '/opt/y:/usr/bin:/bin' }}
    probe: {{ command: [bin/ledger-api, probe], {tries} }}
"
        ),
    );
    shop.commit(service);
}

pub const QUICK: &str = "attempts: 100, interval-ms: 20";

/// Prints, and ends once a file exists, which it removes.
const FALLS: &str = "echo begun with $PATH
while :; do
  if [ -e \"$STATE_DIRECTORY/fall\" ]; then rm \"$STATE_DIRECTORY/fall\"; echo no database; exit 3; fi
  sleep 0.05
done";

#[test]
fn a_service_that_crashes_shows_in_status_and_its_log_in_logs() {
    let shop = shop(FALLS, "exit 0", QUICK);
    let up = shop.home.up();
    shop.ok(&["run"]);
    let quiet = shop.home.run_in(&shop.repository(), &["status"]);
    assert!(!String::from_utf8_lossy(&quiet.stdout).contains("its service"), "nothing has happened");
    let state = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("state");
    std::fs::write(state.join("fall"), "").unwrap();
    let service = until(|| {
        let service = at(&up, "dev")["service"].clone();
        (service["restarts"] == json!(1) && service.get("down").is_none()).then_some(service)
    });
    let cause = "the service ended by itself with exit code 3";
    assert_eq!(service["last"], json!(cause), "{service}");
    assert!(service["since"].is_string(), "{service}");
    let said = shop.home.run_in(&shop.repository(), &["status"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("its service runs again: it failed once since "), "{said}");
    assert!(said.contains(&format!("the last time: {cause}")), "{said}");
    let log = until(|| {
        let log = shop.ok(&["logs", "shop/ledger-api/dev"])["log"].as_str().unwrap().to_owned();
        (log.matches("begun with /opt/y:/usr/bin:/bin").count() == 2).then_some(log)
    });
    assert!(log.contains("no database\n"), "{log}");
    let begun = log.lines().filter(|line| line.starts_with("[countersign, 20") && line.ends_with(" begins]"));
    assert_eq!(begun.count(), 2, "{log}");
    assert!(log.contains(": it ended by itself with exit code 3]"), "{log}");
    for verb in ["logs", "approve", "promote", "rollback"] {
        let unknown = shop.in_repository(&[verb, "shop/ledger-api/elsewhere"], 1);
        let said = unknown["error"].as_str().unwrap();
        assert!(
            said.contains("no place `shop/ledger-api/elsewhere`") && said.contains(PLACE),
            "{verb}: {unknown}"
        );
    }
    // The approver of an artifact that crashed in an earlier place is told so, beside the evidence.
    let staging = shop.home.data().with_file_name("data.agent-ledger-api-staging").join("state");
    std::fs::write(staging.join("fall"), "").unwrap();
    while at(&up, "staging")["service"]["restarts"] != json!(1) {}
    let review = shop.home.run_in(&shop.repository(), &["approve", "--show"]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    assert!(review.contains("the server says (this is not proven)"), "{review}");
    assert!(
        review.contains("shop/ledger-api/staging: its service ") && review.contains("it failed once"),
        "{review}"
    );
    assert!(up.stop());
    // The log survives a restart of everything.
    let up = shop.home.up();
    until(|| {
        // Until the agent has sent its first line, `logs` answers with an error.
        let output = shop.home.run_in(&shop.repository(), &["logs", "shop/ledger-api/dev"]);
        String::from_utf8_lossy(&output.stdout).contains("no database").then_some(())
    });
    assert!(up.stop());
}

#[test]
fn a_service_that_falls_after_its_probe_has_passed_is_no_release() {
    let shop = shop(FALLS, "exit 0", QUICK);
    let up = shop.home.up_in(&["--settle-seconds", "3600"]);
    let log = || shop.ok(&["logs", "shop/ledger-api/dev"])["log"].as_str().unwrap().to_owned();
    let failed = std::thread::scope(|scope| {
        let run = scope.spawn(|| shop.in_repository(&["run"], 3));
        while at(&up, "dev")["service"] == json!(null) || !log().contains("its probe has passed") {}
        let state = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("state");
        std::fs::write(state.join("fall"), "").unwrap();
        run.join().unwrap()
    });
    assert_eq!(codes(&failed), ["ended-early"]);
    let words = said(&failed);
    assert!(
        words.contains("ended by itself with exit code 3, within 3600 seconds after its probe"),
        "{words}"
    );
    assert!(words.contains("no database"), "{words}");
    assert_eq!(at(&up, "dev")["running"], json!(null));
    assert!(up.stop());
}

/// The failure in the words that `run` prints.
fn said(failed: &Value) -> String {
    failed["reasons"].as_array().unwrap().iter().map(|reason| format!("{reason}\n")).collect()
}

#[test]
fn a_release_that_does_not_work_says_why() {
    let shop = shop("echo it needs a database >&2; exit 7", "exit 0", "attempts: 1000, interval-ms: 20");
    change(&shop, "echo it needs a database >&2; exit 7", "echo not yet; exit 4", QUICK);
    let up = shop.home.up();
    let failed = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["probe-failed"]);
    let words = said(&failed);
    assert!(words.contains("the process ended by itself with exit code 7"), "{words}");
    assert!(words.contains("it needs a database"), "{words}");
    change(&shop, "exec sleep 1000", "echo not yet; exit 4", "attempts: 2, interval-ms: 20");
    let words = said(&shop.in_repository(&["run"], 3));
    let expected =
        "the probe failed 2 times, the last time: `bin/ledger-api` ended with exit code 4: not yet";
    assert!(words.contains(expected), "{words}");
    assert!(words.contains("countersign logs shop/ledger-api/dev"), "{words}");
    assert!(up.stop());
}

pub const ENDLESS: &str = "attempts: 50, interval-ms: 60000";
/// Never passes; creates a file once it was run.
pub const ASKED: &str = "touch \"$STATE_DIRECTORY/asked\"; exit 1";

#[test]
fn attack_a_probe_that_takes_an_hour_ends_with_a_freeze_and_with_the_agent() {
    let shop = shop("exec sleep 1000", ASKED, ENDLESS);
    let up = shop.home.up();
    let asked = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("state/asked");
    let ran = std::thread::scope(|scope| {
        let run = scope.spawn(|| shop.in_repository(&["run"], 3));
        while !asked.exists() {
            assert!(!run.is_finished(), "the run ended without a probe");
            std::thread::yield_now();
        }
        shop.ok(&["trust", "status", "--yes", "--freeze", "shop"]);
        run.join().unwrap()
    });
    assert_eq!(codes(&ran), ["probe-interrupted"]);
    assert!(said(&ran).contains("shop/ledger-api/dev is frozen"), "{ran}");
    shop.ok(&["trust", "status", "--yes", "--unfreeze", "shop"]);
    // Another probe ends with its agent, and its release is still due when the agent starts again.
    std::fs::remove_file(&asked).unwrap();
    change(&shop, "exec sleep 1001", ASKED, ENDLESS);
    let mut run = shop.home.spawn_in(&shop.repository(), &["run"]);
    while !asked.exists() {
        assert!(run.try_wait().unwrap().is_none(), "the run ended without a probe");
        std::thread::yield_now();
    }
    assert!(up.stop());
    // It may have noticed that its server has ended.
    drop(run.kill());
    run.wait().unwrap();
    let up = shop.home.up();
    assert_eq!(at(&up, "dev")["open"]["stage"], json!("due"));
    assert!(up.stop());
}
