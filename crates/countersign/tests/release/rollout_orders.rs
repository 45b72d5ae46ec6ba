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

/// The step in force has passed: everything that a person may look at names the command that goes on.
fn waits_for_a_person(shop: &Shop) {
    let command = "countersign rollout promote shop/ledger-api/dev";
    until(|| shown(shop).filter(|shown| shown["next"] == command));
    let text = |arguments: &[&str]| {
        let output = shop.home.run_in(&shop.repository(), arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    let waits = format!("waits for you: {command}");
    let page = text(&["rollout", "show", DEV]);
    assert!(page.contains(&format!("it {waits}")), "{page}");
    let status = text(&["status"]);
    assert!(status.contains(&format!("step 1 with 50% of the requests passed and {waits}")), "{status}");
    let status = text(&["status", DEV]);
    assert!(status.contains(&waits) && status.ends_with(&format!("next: {command}\n")), "{status}");
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
        let paused = order(&shop, &["pause"]);
        assert_eq!((&paused["step"], &paused["carried_out"]), (&json!(1), &json!(true)));
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
        waits_for_a_person(&shop);
        // An order that the agent does not carry out says why, to the person who gave it and to others.
        let early = [&["rollout", "promote", "--step", "3"][..], &[DEV, "--reason", "now", "--yes"]].concat();
        let dropped = shop.in_repository(&early, 3);
        assert_eq!(codes(&dropped), ["advance-idle"], "{dropped}");
        let why = "it asks for step 3, and step 1 of 2 is in force, so step 2 comes next";
        assert_eq!(dropped["reasons"][0]["what"], why);
        let output = shop.home.run_in(&shop.repository(), &["rollout", "show", DEV]);
        let page = String::from_utf8(output.stdout).unwrap();
        assert!(page.contains(" ordered to begin step 3 (entry ") && page.contains(why), "{page}");
        assert_eq!(order(&shop, &["promote"])["step"], 2);
        until(|| (at(&up, "dev")["running"]["release"] == 2).then_some(()));
    });
    assert_eq!(ask(ports[0]).unwrap().1, "second");
    // Staging asks as well, and nobody orders anything there.
    drop(run.kill());
    let said = String::from_utf8(run.wait_with_output().unwrap().stderr).unwrap();
    let waits = "release 2: step 1 with 50% of the requests passed and waits for you: countersign rollout promote shop/ledger-api/dev";
    assert!(said.contains(waits), "{said}");

    change(&shop, "(200, 'third')");
    let run = shop.home.spawn_in(&shop.repository(), &["run"]);
    under_load(ports, || {
        under_way(3);
        until(|| (progress(&shop)["step"] == 0).then_some(()));
        let ended = order(&shop, &["abort"]);
        assert_eq!(ended["outcome"], "running", "{ended}");
    });
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in ["release 3 was aborted by ", "ended it by rollback 4: we look at it", "--again"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(ask(ports[0]).unwrap().1, "second");
    let again = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&again), ["rolled-back"], "{again}");
    let none = shop.in_repository(&["rollout", "show", DEV], 1);
    let error = none["error"].as_str().unwrap();
    assert!(error.contains("no release is pending"), "{error}");
    assert!(up.stop());
}
