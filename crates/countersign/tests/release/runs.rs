//! Runs: their logs, the people whom they wait for, and their cancellation.

use serde_json::{Value, json};

use super::{Shop, at};
use crate::codes;
use crate::support::{Up, until};

/// A run as the server shows it.
fn view(up: &Up, run: &str) -> Value {
    serde_json::from_str(&up.get(&format!("/api/v1/runs/{run}")).1).unwrap()
}

/// The run that began last.
fn newest(up: &Up) -> String {
    let runs: Value = serde_json::from_str(&up.get("/api/v1/runs").1).unwrap();
    runs[0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn logs_are_kept_and_followed() {
    let shop = Shop::solo();
    let text = std::fs::read_to_string(shop.repository().join(".countersign/pipeline.yaml")).unwrap();
    shop.write(
        ".countersign/pipeline.yaml",
        &text
            .replace("      mkdir -p out", "      echo building the thing\n      mkdir -p out")
            .replace("test ! -e broken", "yes | head -c 3000000"),
    );
    shop.commit("say something");
    let up = shop.home.up();
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let logs = shop.ok(&["logs", "-f", &run, "build", "--runner", "runner-2"]);
    let path = format!("{run}/step/build/runner-2");
    assert_eq!(logs["logs"][path.as_str()], "building the thing\n");
    // Each answer has a piece of a long log.
    let whole = shop.ok(&["logs", &run, "test"])["logs"][format!("{run}/step/test/runner-1")].clone();
    assert_eq!(whole.as_str().unwrap().len(), 3_000_000);
    let piece =
        |from: u64| up.get_bytes(&format!("/api/v1/logs/{run}/step/test/runner-1?from={from}")).1.len();
    assert_eq!([piece(0), piece(2_500_000), piece(u64::MAX)], [1 << 20, 500_000, 0]);
    assert!(up.stop());
}

/// A runner that is asked to end does not wait for a step of hours; the step is done again at the next start.
#[test]
fn a_step_that_runs_keeps_nobody_from_stopping() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    shop.write(".countersign/pipeline.yaml", &text.replace("test ! -e broken", "echo begun && sleep 1000"));
    shop.commit("a long step");
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    let log = format!("/api/v1/logs/{run}/step/test/runner-1");
    until(|| up.get(&log).1.contains("begun").then_some(()));
    assert!(up.stop());
}

/// A command that follows the run is told, and the runners' steps end with the run.
#[test]
fn a_run_that_is_cancelled_ends_with_its_steps() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    // So long that no other process has slept for it.
    let long = format!("10{}", std::process::id());
    let step = format!("echo begun && sleep {long}");
    shop.write(".countersign/pipeline.yaml", &text.replace("test ! -e broken", &step));
    shop.commit("a long step");
    let up = shop.home.up();
    let sleeping = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        lines.filter(|line| *line == format!("sleep\0{long}\0").as_bytes()).count()
    };
    let told = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| shop.in_repository(&["run"], 3));
        while sleeping() < 2 {}
        shop.ok(&["cancel", &newest(&up)]);
        waiting.join().unwrap()
    });
    assert_eq!(codes(&told), ["run-cancelled"]);
    while sleeping() > 0 {}
    let run = newest(&up);
    assert_eq!(view(&up, &run)["state"], "cancelled");
    let again = shop.in_repository(&["cancel", &run], 3);
    assert_eq!(codes(&again), ["run-ended"]);
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn who_rejects_at_an_approval_node_ends_the_run() {
    let shop = Shop::solo();
    shop.sign_off();
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    shop.ok(&["reject", "--yes", "--run", &run, "--step", "sign-off"]);
    let ended = view(&up, &run);
    assert_eq!(ended["state"], "cancelled");
    assert!(ended["works"].as_array().unwrap().iter().all(|work| work["kind"] != "artifact"));
    assert!(up.stop());
}

#[test]
fn an_approval_node_waits_for_people() {
    let shop = Shop::solo();
    shop.sign_off();
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    let view = || view(&up, &run);
    let state = |kind: &str| {
        let works = view()["works"].as_array().unwrap().clone();
        works.iter().filter(|work| work["kind"] == kind).map(|work| work["state"].clone()).collect::<Vec<_>>()
    };
    let mut entries = 0;
    while state("step").iter().any(|state| state != "passed") || state("step").len() < 4 {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    assert_eq!((state("approval"), state("artifact")), (vec![json!("0 of 1")], Vec::new()));
    // An option that would not be signed is an error.
    for said in [
        &["approve", "--yes", "--run", &run, "--step", "sign-off", "--reason", "x"][..],
        &["rollback", "--yes", "--no-wait"],
    ] {
        assert_eq!(shop.home.run_in(&shop.repository(), said).status.code(), Some(2));
    }
    shop.ok(&["approve", "--yes", "--run", &run, "--step", "sign-off"]);
    while view()["state"] == "running" {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    assert_eq!((view()["state"].clone(), state("approval")), (json!("passed"), vec![json!("1 of 1")]));
    while at(&up, "production")["open"] == json!(null) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    shop.ok(&["promote"]);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}
