//! Sources of commits on several hosts: uploads, and the remotes of runners' operators, on which refs are verified.

use ::evidence::bundle::Bundle;
use serde_json::{Value, json};

use super::hosts::Hosts;

/// The refs that the receipts of a saved bundle name, with their tips.
pub fn refs(hosts: &Hosts) -> Vec<Option<(String, String)>> {
    let bundle = Bundle::decode(&std::fs::read(hosts.ada.repository().join("bundle")).unwrap()).unwrap();
    let receipts = bundle.receipts.iter().map(|envelope| {
        let payload = envelope.payload(envelope.payload_type()).unwrap();
        let receipt: Value = serde_json::from_slice(payload).unwrap();
        let text = |field: &str| receipt["ref"][field].as_str().map(str::to_owned);
        text("name").zip(text("tip"))
    });
    receipts.collect()
}

/// No runner reads a path that the server names: the commit is uploaded unless an operator has set a remote, and a run on a
/// ref is built from the remotes alone.
#[test]
fn commits_are_uploaded_or_fetched_and_refs_are_verified_by_every_runner() {
    let (hosts, pin) = Hosts::founded();
    let running = hosts.running(&pin);
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote", "--bundle", "bundle"])["outcome"], json!("running"));
    assert!(refs(&hosts).iter().all(Option::is_none), "an upload is on no ref");
    // No remote, so no ref can be verified, and nothing of the run is done.
    let head = hosts.ada.commit("a second change");
    let refused = hosts.ada.in_repository(&["run", "--ref", "main"], 3).to_string();
    assert!(
        refused.contains("no remote of project `shop`") && refused.contains("refs/heads/main"),
        "{refused}"
    );
    let path = hosts.ada.repository().display().to_string();
    for home in &hosts.builds {
        let remote = |rest: &[&str]| home.ok(&[&["runner", "remote"], rest].concat());
        assert_eq!(remote(&["list", "--data", "runner"])["remotes"], json!([]));
        remote(&["add", "--data", "runner", "shop", &path]);
        let checked = remote(&["check", "--data", "runner"]);
        assert_eq!(checked["remotes"][0]["branches"], json!(1));
    }
    hosts.ada.ok(&["run", "--ref", "main"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote", "--bundle", "bundle"])["outcome"], json!("running"));
    let found = Some(("refs/heads/main".to_owned(), head));
    assert!(refs(&hosts).iter().all(|named| *named == found), "{:?}", refs(&hosts));
    // A commit that lies on another branch of the same remote.
    hosts.ada.git(&["checkout", "-q", "-b", "mallory"]);
    let evil = hosts.ada.commit("not reviewed");
    let refused = hosts.ada.in_repository(&["run", "--ref", "main"], 3).to_string();
    assert!(refused.contains("does not contain commit") && refused.contains(&evil), "{refused}");
    hosts.ada.ok(&["run", "--ref", "mallory"]);
    drop(running);
    assert_eq!(hosts.server.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(hosts.server.ok(&["audit", "replay"])["differ"], json!(0));
}
