//! Orders of a person about a rollout under way, from the command line to the processes that answer.

use serde_json::{Value, json};

use super::rollouts::{ask, change, port, port_of, rolled_in, under_load};
use super::{Shop, at};
use crate::codes;
use crate::support::until;

const DEV: &str = "shop/ledger-api/dev";

fn shown(shop: &Shop) -> Option<Value> {
    let output = shop.home.run_in(&shop.repository(), &["rollout", "show", DEV, "-o", "json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

fn order(shop: &Shop, words: &[&str]) -> Value {
    shop.ok(&[&["rollout"], words, &[DEV, "--reason", "we look at it", "--yes"]].concat())
}

fn memory(shop: &Shop) -> Value {
    let path = shop.home.data().with_file_name("data.agent-ledger-api-dev/memory.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The progress of the rollout, as the agent remembers it.
fn progress(shop: &Shop) -> Value {
    memory(shop)["rollout"]["progress"].clone()
}

#[test]
fn a_person_pauses_resumes_promotes_and_aborts_a_rollout() {
    let shop = rolled_in("(200, 'first')", "[{percent: 50, ask: true}]");
    let up = shop.home.up();
    assert_eq!(shop.ok(&["run"])["state"], json!("passed"));
    let ports = [port(&shop), port_of(&shop, "staging")];
    let under_way = |release: u64| until(|| shown(&shop).filter(|shown| shown["release"] == release));

    change(&shop, "(200, 'second')");
    let mut run = shop.home.spawn_in(&shop.repository(), &["run"]);
    under_load(ports, || {
        under_way(2);
        until(|| (progress(&shop)["step"] == 0).then_some(()));
        assert_eq!(order(&shop, &["pause"])["step"], 1);
        until(|| (progress(&shop)["paused"] == true).then_some(()));
        assert_eq!(order(&shop, &["resume"])["step"], 1);
        until(|| (progress(&shop)["paused"] != true).then_some(()));
        let seen: Vec<_> = (0..8).filter_map(|_| ask(ports[0])).map(|(_, text)| text).collect();
        assert!(seen.iter().any(|text| text == "first"), "the step asks, so it stays in force: {seen:?}");
        let refused = |words: &[&str]| {
            let said = shop.in_repository(&[words, &["--reason", "why", "--yes"]].concat(), 1);
            said["error"].as_str().unwrap().to_owned()
        };
        let none = refused(&["rollout", "promote", "--step", "9"]);
        assert!(none.ends_with("has no step 9 to begin: name one from 2 to 3, where 3 is the end"), "{none}");
        let late = refused(&["override", "2", "--place", DEV]);
        assert!(late.contains("release 2 has begun at shop/ledger-api/dev"), "{late}");
        assert_eq!(order(&shop, &["promote"])["step"], 2);
        until(|| (at(&up, "dev")["running"]["release"] == 2).then_some(()));
    });
    assert_eq!(ask(ports[0]).unwrap().1, "second");
    // Staging asks as well, and nobody orders anything there.
    drop(run.kill());
    run.wait().unwrap();

    change(&shop, "(200, 'third')");
    let mut run = shop.home.spawn_in(&shop.repository(), &["run"]);
    under_load(ports, || {
        under_way(3);
        until(|| (progress(&shop)["step"] == 0).then_some(()));
        let ended = order(&shop, &["abort"]);
        assert_eq!(ended["outcome"], "running", "{ended}");
    });
    assert_eq!(run.wait().unwrap().code(), Some(3));
    assert_eq!(ask(ports[0]).unwrap().1, "second");
    let again = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&again), ["rolled-back"], "{again}");
    let none = shop.in_repository(&["rollout", "show", DEV], 1);
    let error = none["error"].as_str().unwrap();
    assert!(error.contains("no release is pending"), "{error}");
    assert!(up.stop());
}
