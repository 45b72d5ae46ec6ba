//! Freezes from the laptop while the server is down or out of reach: witnesses take them, agents follow them, and a server
//! that comes back with the older status lets nothing through.

use serde_json::{Value, json};

use super::{LAPTOP, Nine, PLACES, PRODUCTION, SERVER, WITNESSES};
use crate::codes;

/// A freeze, and which of the witnesses took it.
fn freeze(nine: &Nine, place: &str) -> (Value, Vec<bool>) {
    let frozen = nine.ada().ok(&["freeze", place, "--yes"]);
    let took = frozen["witnesses"].as_array().unwrap().iter().map(|it| it.get("failure").is_none());
    (frozen.clone(), took.collect())
}

/// Every agent takes this status from a witness.
fn heard(nine: &Nine, number: u64) {
    for agent in &nine.agents {
        agent.says(&format!("status {number} came from the witness"));
    }
}

/// The server gets the status that the people know, and both lift the freeze.
fn lift(nine: &Nine, place: &str) {
    let file = |name: &str| nine.ada().home.dir.path().join(name).display().to_string();
    let (newest, lifted) = (file("newest.json"), file("lifted.json"));
    drop(std::fs::remove_file(&lifted));
    nine.ada().ok(&["trust", "status", "--save", &newest]);
    nine.ada().ok(&["trust", "send", &newest]);
    nine.ada().ok(&["unfreeze", place, "--yes", "--out", &lifted]);
    nine.bob().ok(&["trust", "sign", "--yes", &lifted]);
    nine.ada().ok(&["trust", "send", &lifted]);
}

/// The command that tells the witnesses the status in force.
fn tell(asking: &[String]) -> Vec<&str> {
    ["trust", "status"].into_iter().chain(asking.iter().map(String::as_str)).collect()
}

#[test]
fn a_freeze_from_the_laptop_holds_while_the_server_is_down_and_once_it_is_back() {
    let Some(mut nine) = Nine::new() else { return };
    let told = nine.ada().ok(&tell(&nine.asking()));
    assert_eq!(told["witnesses"].as_array().unwrap().len(), 3, "{told}");
    nine.release("first");
    let first = nine.runs(2);
    // A release that everybody wants, approved.
    nine.change("second");
    nine.ada().ok(&["run"]);
    nine.approve();

    // The process has stopped.
    nine.server.take().unwrap().stop();
    let (frozen, took) = freeze(&nine, PRODUCTION);
    assert_eq!(took, [true; 3], "{frozen}");
    assert!(frozen["server"].is_string(), "{frozen}");
    heard(&nine, 2);
    nine.restart();
    assert_eq!(codes(&nine.ada().in_repository(&["promote"], 3)), ["frozen"]);
    assert_eq!(nine.runs(2), first);
    lift(&nine, PRODUCTION);
    // The server gives it to the witnesses, so that the next freeze follows it.
    // The refused release is proposed again, and people look at it again.
    nine.approve();
    assert_eq!(nine.ada().ok(&["promote"])["outcome"], json!("running"));
    let second = nine.runs(2);
    assert_ne!(second, first);

    // The server runs, and hears nothing from the laptop; nor does a witness.
    nine.change("third");
    nine.ada().ok(&["run"]);
    nine.approve();
    for host in [SERVER, WITNESSES + 2] {
        nine.net.lose(nine.at[LAPTOP], nine.at[host]);
    }
    let (frozen, took) = freeze(&nine, "shop");
    assert_eq!(took, [true, true, false], "{frozen}");
    assert!(frozen["server"].is_string(), "{frozen}");
    heard(&nine, 4);
    for host in [SERVER, WITNESSES + 2] {
        nine.net.find(nine.at[LAPTOP], nine.at[host]);
    }
    assert_eq!(codes(&nine.ada().in_repository(&["promote"], 3)), ["frozen"]);
    assert_eq!((nine.runs(2), PLACES[2]), (second.clone(), "production"));
    lift(&nine, "shop");
    nine.approve();
    assert_eq!(nine.ada().ok(&["promote"])["outcome"], json!("running"));
    assert_ne!(nine.runs(2), second);
    nine.sound();
}
