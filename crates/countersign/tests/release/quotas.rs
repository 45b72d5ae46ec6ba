//! Quotas, and failures on which runner and server agree: nobody can stop everybody, and nothing waits without end.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Shop;
use crate::codes;
use crate::support::Up;

fn entries(up: &Up, kind: &str) -> Vec<Value> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let page: Vec<Value> =
            serde_json::from_str(&up.get(&format!("/api/v1/entries?from={from}")).1).unwrap();
        let Some(last) = page.last() else { break };
        from = last["entry"].as_u64().unwrap() + 1;
        all.extend(page.into_iter().filter(|entry| entry["kind"] == kind));
    }
    all
}

fn run_of(up: &Up, run: &str) -> Value {
    serde_json::from_str(&up.get(&format!("/api/v1/runs/{run}")).1).unwrap()
}

/// Waits until a run has reached this state.
fn until(up: &Up, run: &str, reached: impl Fn(&Value) -> bool) -> Value {
    let mut entries = 0;
    loop {
        let view = run_of(up, run);
        if reached(&view) {
            return view;
        }
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
}

/// The directories in which the runners keep outputs.
fn keeps(shop: &Shop) -> Vec<PathBuf> {
    let data = shop.home.data();
    let beside = std::fs::read_dir(data.parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    let keeps: Vec<_> = beside.map(|dir| dir.join("keep/outputs")).filter(|dir| dir.exists()).collect();
    assert_eq!(keeps.len(), 2);
    keeps
}

/// The artifact needs the output of `build`, and both runners have lost it. A refused report must not be sent again some
/// twenty times a second, without end.
#[test]
fn attack_work_that_cannot_begin_ends_its_run() {
    let shop = Shop::solo();
    shop.sign_off();
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    until(&up, &run, |view| {
        let works = view["works"].as_array().unwrap();
        works.iter().filter(|work| work["kind"] == "step" && work["state"] == "passed").count() == 4
    });
    for keep in keeps(&shop) {
        std::fs::remove_dir_all(&keep).unwrap();
        std::fs::create_dir(&keep).unwrap();
    }
    shop.ok(&["approve", "--yes", "--run", &run, "--step", "sign-off"]);
    let ended = until(&up, &run, |view| view["state"] != "running");
    assert_eq!(ended["state"], "failed");
    let artifacts = ended["works"].as_array().unwrap().iter().filter(|work| work["kind"] == "artifact");
    let failed = artifacts.clone().find(|work| work["state"] == "failed").unwrap();
    let log =
        up.get(&format!("/api/v1/logs/{run}/artifact/ledger-api/{}", failed["runner"].as_str().unwrap()));
    assert!(log.1.contains("was removed or changed on this runner"), "{log:?}");
    let reported = entries(&up, "build.reported");
    assert!(reported.len() <= 6, "each piece of work is reported once: {}", reported.len());
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// Beyond its quota a project is told so, and only digests of its submissions are stored.
#[test]
fn attack_a_project_takes_no_more_runs_than_its_quota_and_a_refused_request_keeps_digests() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let padding = "# a comment that makes the file long\n".repeat(1000);
    let slow = text.replace("test ! -e broken", "sleep 1000");
    shop.write(".countersign/pipeline.yaml", &format!("{slow}{padding}"));
    shop.commit("a long step");
    std::fs::write(shop.home.data().join("quotas.json"), r#"{ "runs-per-project": 1 }"#).unwrap();
    let up = shop.home.up();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    shop.write("another", "file");
    shop.commit("another");
    let refused = shop.in_repository(&["run", "--no-wait"], 3);
    assert_eq!(codes(&refused), ["quota-runs-of-project"], "{refused}");
    let text = refused.to_string();
    assert!(
        text.contains("has 1 runs under way, and the quota is 1") && text.contains("countersign cancel"),
        "{text}"
    );
    let recorded = entries(&up, "refused").pop().unwrap();
    let left_out = recorded["particulars"]["left-out"].as_array().unwrap();
    assert_eq!(left_out.len(), 1, "{recorded}");
    let pack = up.get(&format!("/api/v1/blobs/{}", left_out[0].as_str().unwrap()));
    assert_eq!(pack.0, 404, "the source pack is not stored");
    assert!(recorded.to_string().len() < 16 * 1024);
    shop.ok(&["cancel", &run]);
    let second = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    shop.ok(&["cancel", &second]);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["differ"], &replayed["recorded"]), (&json!(0), &json!(1)), "{replayed}");
    assert_eq!(shop.ok(&["audit", "verify"])["misfits"], json!(0));
    assert!(up.stop());
}

/// Refusals beyond the quota are answered too, and leave no separate entry.
#[test]
fn attack_a_storm_of_refused_requests_does_not_grow_the_ledger() {
    let shop = Shop::solo();
    std::fs::write(shop.home.data().join("quotas.json"), r#"{ "refusals-per-minute": 2 }"#).unwrap();
    let up = shop.home.up();
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let before = entries(&up, "refused").len();
    for n in 0..4 {
        let output =
            shop.home.run_in(&shop.repository(), &["approve", "--yes", "--run", &run, "--step", "build"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{n}: {said}");
        assert_eq!(said.contains("counted and not recorded as a separate entry"), n >= 2, "{n}: {said}");
    }
    assert_eq!(entries(&up, "refused").len(), before + 2);
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// The stored bytes of a project are counted, and beyond its quota it stores no more.
#[test]
fn attack_a_project_stores_no_more_than_its_quota() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    shop.write(".countersign/pipeline.yaml", &text.replace("test ! -e broken", "yes | head -c 2000000"));
    shop.commit("a long log");
    std::fs::write(shop.home.data().join("quotas.json"), r#"{ "stored-mib-per-project": 1 }"#).unwrap();
    let up = shop.home.up();
    shop.ok(&["run"]);
    // The count is made beside the ledger: some runs may begin meanwhile.
    let refused = (0..).find_map(|n| {
        shop.commit(&format!("another {n}"));
        let output = shop.home.run_in(&shop.repository(), &["run", "--no-wait", "-o", "json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        if output.status.code() == Some(3) {
            return Some(said);
        }
        shop.ok(&["cancel", said["run"].as_str().unwrap()]);
        None
    });
    let refused = refused.unwrap();
    assert_eq!(codes(&refused), ["quota-bytes-of-project"], "{refused}");
    assert!(refused.to_string().contains("project `shop` has "), "{refused}");
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// An unknown sender is told so before any other part of the submission is decoded.
#[test]
fn attack_attachments_of_the_unknown_are_not_even_decoded() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let known = entries(&up, "source.taken").pop().unwrap()["particulars"]["request"].clone();
    let sent = |request: &Value| {
        let body = json!({ "request": request, "attachments": ["this is not base64 !"] }).to_string();
        up.post("/api/v1/requests", "Content-Type: application/json\r\n", &body).0
    };
    assert_eq!(sent(&known), 400, "a known person's are");
    let mut unknown = known;
    let signature = unknown["signatures"][0]["sig"].as_str().unwrap().replace(['A', 'B', 'C'], "D");
    unknown["signatures"][0]["sig"] = json!(signature);
    assert_eq!(sent(&unknown), 401);
    assert!(up.stop());
}
