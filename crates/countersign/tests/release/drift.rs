//! Drift as people see it: somebody edits a file on the host, the agent tells, puts it back once its signers say so, without a
//! release, and takes no release while it is frozen.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::observations::{Body, DriftSeen, Observation};
use serde_json::{Value, json};

use super::{Shop, at};
use crate::support::{Up, until};

const DEV: &str = "shop/ledger-api/dev";

/// The program of the release that runs in dev.
fn program(shop: &Shop) -> PathBuf {
    let agent = shop.home.data().with_file_name("data.agent-ledger-api-dev");
    std::fs::canonicalize(agent.join("current")).unwrap().join("bin/ledger-api")
}

/// Edits a file as somebody on the host does.
fn edit(file: &Path) {
    let dir = file.parent().unwrap();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    mode(dir, 0o755).unwrap();
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, "#!/bin/sh\necho changed by hand\n").unwrap();
    mode(file, 0o555).unwrap();
    mode(dir, 0o555).unwrap();
}

/// All observations of drift in the ledger, in order.
fn observed(up: &Up) -> Vec<DriftSeen> {
    let entries: Vec<Value> = serde_json::from_str(&up.get("/api/v1/entries?from=0").1).unwrap();
    let made = entries.iter().filter(|entry| entry["kind"] == json!("observation.made"));
    let read = |entry: &Value| {
        let envelope = entry["facts"]["envelope"].as_str().unwrap();
        let (_, bytes) = up.get_bytes(&format!("/api/v1/blobs/{envelope}"));
        let read = Observation::read(&Envelope::decode(&bytes).unwrap()).unwrap();
        if let Body::Drift(seen) = read.body { Some(seen) } else { None }
    };
    made.filter_map(read).collect()
}

fn done(seen: &[DriftSeen]) -> Vec<String> {
    let of = |one: &DriftSeen| {
        let named =
            one.findings.iter().map(|it| format!("{} {} {}", it.what.as_str(), it.name, it.done.as_str()));
        named.collect::<Vec<_>>().join(", ")
    };
    seen.iter().map(of).collect()
}

/// An older agent kept no layer, and a disk damages one: the agent asks the server for it, and puts the file back.
#[test]
fn a_hand_edited_file_is_put_back_from_a_layer_that_was_missing() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let file = program(&shop);
    let before = std::fs::read(&file).unwrap();
    let layer = file.parent().and_then(Path::parent).unwrap().with_extension("layer");
    let kept = std::fs::read(&layer).unwrap();
    shop.write("drift.yaml", "files: correct\nevery-ms: 1000\n");
    shop.ok(&["trust", "environment", "--yes", DEV, "--drift", "drift.yaml"]);
    for damage in ["", "damaged"] {
        std::fs::remove_file(&layer).unwrap();
        if !damage.is_empty() {
            std::fs::write(&layer, damage).unwrap();
        }
        edit(&file);
        until(|| (std::fs::read(&file).unwrap() == before).then_some(()));
        until(|| (std::fs::read(&layer).unwrap_or_default() == kept).then_some(()));
    }
    assert!(up.stop());
}

#[test]
fn a_hand_edited_file_is_put_back_without_a_release() {
    let shop = Shop::solo();
    let told = shop.home.dir.path().join("up.log");
    let up = shop.home.up_saying(std::fs::File::create(&told).unwrap().into());
    shop.ok(&["run"]);
    let file = program(&shop);
    let before = std::fs::read(&file).unwrap();
    let rules = |text: &str| {
        shop.write("drift.yaml", text);
        shop.ok(&["trust", "environment", "--yes", DEV, "--drift", "drift.yaml"]);
    };
    // Without rules it is told.
    edit(&file);
    until(|| (at(&up, "dev")["drift"][0]["findings"][0]["done"] == json!("alerted")).then_some(()));
    let status = String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
    assert!(status.contains("drift:\n  shop/ledger-api/dev: agent "), "{status}");
    assert!(status.contains("by unknown: alerted"), "{status}");
    assert_ne!(std::fs::read(&file).unwrap(), before);
    // Its signers change that without a release.
    rules("files: correct\nevery-ms: 1000\n");
    until(|| (std::fs::read(&file).unwrap() == before).then_some(()));
    until(|| (at(&up, "dev")["drift"][0]["findings"] == json!(null)).then_some(()));
    assert_eq!(done(&observed(&up)), ["file bin/ledger-api alerted", "file bin/ledger-api corrected", ""]);
    // While it is frozen, the next release waits; once it is over, the release goes on by itself.
    rules("files: freeze\nevery-ms: 1000\n");
    let declared = shop.home.data().with_file_name("data.agent-ledger-api-dev/declared.json");
    until(|| std::fs::read_to_string(&declared).ok().filter(|text| text.contains("\"statement\": 3")));
    edit(&file);
    until(|| (at(&up, "dev")["drift"][0]["frozen"] == json!(true)).then_some(()));
    let running = at(&up, "dev")["running"]["release"].clone();
    shop.service("second");
    shop.commit("second");
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| shop.ok(&["run"]));
        until(|| (at(&up, "dev")["open"]["stage"] == json!("due")).then_some(()));
        assert_eq!(at(&up, "dev")["running"]["release"], running);
        let status = String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
        assert!(status.contains("frozen; releases wait until that is over"), "{status}");
        rules("files: correct\nevery-ms: 1000\n");
        ran.join().unwrap()
    });
    assert_eq!(ran["state"], json!("passed"));
    assert_ne!(at(&up, "dev")["running"]["release"], running);
    // The server's log has a line for each change, with the remedy, and none for each look.
    let lines = |words: &str| {
        let told = std::fs::read_to_string(&told).unwrap();
        told.lines().filter(|line| line.starts_with("server: ") && line.contains(words)).count()
    };
    until(|| (lines("the drift at shop/ledger-api/dev is over") == 2).then_some(()));
    let begun = "drift at shop/ledger-api/dev (artifact sha256:";
    assert_eq!(lines(begun), 4, "alerted, corrected, frozen, corrected");
    assert_eq!(lines("by unknown: alerted; the agent changes nothing: put it back by hand"), 1);
    assert_eq!(lines("by unknown: frozen; no release is applied until it is over"), 1);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    // Rules that nobody can mean are refused with their place.
    shop.write("drift.yaml", "files: mend\n");
    let refused = shop.in_repository(&["trust", "environment", "--yes", DEV, "--drift", "drift.yaml"], 2);
    assert!(refused["error"].as_str().unwrap().contains("drift.yaml`: drift rules: "), "{refused}");
    assert!(up.stop());
}
