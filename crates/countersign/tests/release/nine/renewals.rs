//! Keys of machines are renewed while everything runs.

use serde_json::json;

use super::{Nine, PRODUCTION, SERVER, WITNESSES};

/// A witness takes its next key up, vouches for its certificates by both, and goes on with the new one alone, all without a start.
#[test]
fn a_witness_renews_its_key_and_is_always_reached() {
    let Some(nine) = Nine::new() else { return };
    nine.release("first");
    let home = &nine.hosts.witnesses[0];
    let line = home.ok(&["witness", "key", "--data", "witness", "--renew"]);
    nine.witnesses[0].says("the keys of this witness have changed");
    // The quorum needs it from here on, whichever of its keys the root names.
    nine.net.lose(nine.at[SERVER], nine.at[WITNESSES + 1]);
    assert_eq!(nine.release("second")["outcome"], json!("running"));
    nine.both_sign(&["trust", "root", "--witness", line["line"].as_str().unwrap()]);
    assert_eq!(nine.release("third")["outcome"], json!("running"));
    let root = nine.ada().home.dir.path().join("root.json");
    nine.ada().ok(&["trust", "root", "--out", root.to_str().unwrap()]);
    let root = home.receive(&root, "root.json").display().to_string();
    let pin = nine.ada().ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    home.ok(&["witness", "join", "--data", "witness", "--pin", &pin, "--trust-root", &root]);
    nine.witnesses[0].says("the keys of this witness have changed");
    assert_eq!(nine.release("fourth")["outcome"], json!("running"));
    nine.sound();
}

/// An agent takes its next key up while its service runs; the former key is then named no more.
#[test]
fn an_agent_renews_its_key_and_its_service_goes_on() {
    let Some(nine) = Nine::new() else { return };
    nine.release("first");
    let home = &nine.hosts.agents[2];
    let line = home.ok(&["agent", "key", "--data", "production", "--renew"]);
    let line = line["line"].as_str().unwrap();
    let file = |name: &str| std::fs::read(home.dir.path().join("production").join(name));
    let (former, next) = (file("key.pem").unwrap(), file("key.next.pem").unwrap());
    nine.both_sign(&["trust", "environment", PRODUCTION, "--agent", line]);
    nine.agents[2].says("the next key is named, and is used from now on");
    assert_eq!(file("key.pem").unwrap(), next);
    assert!(former != next && file("key.next.pem").is_err());
    assert_eq!(nine.release("second")["outcome"], json!("running"));
    // The same key once more: the former one counts no longer, so the report of the second release is by the new one.
    nine.both_sign(&["trust", "environment", PRODUCTION, "--agent", line]);
    assert_eq!(nine.release("third")["outcome"], json!("running"));
    nine.sound();
}
