//! A rollback while the server is away: signed into a file by what the person's machine and the agent know, brought to the agent by
//! hand, and on record once the server is back.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::hosts::Role;
use super::relays::{Apart, Heard};
use crate::codes;
use crate::support::until;

const DEV: &str = "shop/ledger-api/dev";

/// Two releases at dev, a kept enrolment, and a server that is gone.
struct Night {
    apart: Apart,
    witness: Role,
    /// Address of the server.
    address: String,
    agents: Vec<Heard>,
    runners: Vec<Role>,
    commits: [String; 2],
}

impl Night {
    fn falls() -> Self {
        let apart = Apart::new();
        let (shop, witness) = (&apart.shop, apart.witness());
        let server = apart.server(&witness);
        let address = server.url.trim_start_matches("http://").to_owned();
        let data = |role: &str| apart.dir(role);
        let runner = |number: u8| {
            let dir = data(&format!("runner-{number}"));
            Role::start(&shop.home, &["runner", "--data", &dir, "--server", &server.url, "--follow-paths"])
        };
        let runners = vec![runner(1), runner(2)];
        let agents = ["dev", "staging"].map(|place| apart.agent(place, &server, &witness)).into();
        let commits = ["one", "two"].map(|word| {
            shop.service(word);
            let commit = shop.commit(word);
            shop.ok(&["run"]);
            commit
        });
        let _ = shop.ok(&["status"]);
        server.stop();
        Self { apart, witness, address, agents, runners, commits }
    }

    fn dir(&self) -> String {
        self.apart.dir("agent-ledger-api-dev")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.apart.shop.repository().join(name)
    }

    fn knows(&self) -> Value {
        self.apart.shop.ok(&["agent", "show", "--data", &self.dir()])
    }
}

#[test]
fn a_rollback_by_hand_holds_through_restarts_and_is_on_record_once_the_server_is_back() {
    let mut night = Night::falls();
    let dir = night.dir();
    let shop = &night.apart.shop;
    let before = night.knows();
    assert_eq!(before["running"]["commit"], json!(night.commits[1]), "{before}");
    let away = shop.in_repository(&["rollback", "--yes", DEV], 1);
    assert!(away["error"].as_str().unwrap().contains("no server runs on"), "{away}");
    // The person works on another machine than the agent.
    std::fs::write(night.file("dev.json"), before.to_string()).unwrap();
    let page =
        shop.home.run_in(&shop.repository(), &["rollback", "--out", "back.json", "--agent", "dev.json"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("runs now: release 2 of commit") && page.contains("without the server"), "{page}");
    let signs =
        ["rollback", "--yes", "--reason", "it loses money", "--out", "back.json", "--agent", "dev.json"];
    let signed = shop.ok(&signs);
    assert_eq!(
        (&signed["release"], &signed["to"]["commit"]),
        (&json!(1_002), &json!(night.commits[0])),
        "{signed}"
    );
    attacks(&night);
    let shop = &night.apart.shop;
    let apply = ["agent", "apply", "--data", &dir, "back.json"];
    let applied = shop.ok(&apply);
    assert_eq!((&applied["outcome"], &applied["release"]), (&json!("running"), &json!(1_002)), "{applied}");
    assert_eq!(shop.ok(&apply)["request"], applied["request"], "the answer stays, and nothing is done twice");
    let knows = night.knows();
    assert_eq!((&knows["running"]["commit"], &knows["unrecorded"]), (&json!(night.commits[0]), &json!(1)));

    // The agent is killed, and the server comes back.
    night.agents.clear();
    let listen = ["server", "--witness", &night.witness.url, "--listen", &night.address];
    let server = Role::start(&night.apart.shop.home, &listen);
    night.agents.extend(["dev", "staging"].map(|place| night.apart.agent(place, &server, &night.witness)));
    let shop = &night.apart.shop;
    let place = || {
        let status = shop.ok(&["status"]);
        status["places"].as_array().unwrap().iter().find(|view| view["place"] == json!(DEV)).unwrap().clone()
    };
    let view = until(|| Some(place()).filter(|view| view["running"]["release"] == json!(1_002)));
    assert_eq!(view["running"]["commit"], json!(night.commits[0]), "{view}");
    assert_eq!(view["rolled_back"][0]["commit"], json!(night.commits[1]), "{view}");
    assert_eq!(view["rolled_back"][0]["reason"], json!("it loses money"), "{view}");
    // The next run of the same commit does not bring it back.
    let again = shop.home.run_in(&shop.repository(), &["run"]);
    assert_eq!(place()["running"]["release"], json!(1_002), "{again:?}");
    until(|| Some(night.knows()).filter(|knows| knows["unrecorded"] == json!(0)));
    shop.service("three");
    let third = shop.commit("three");
    shop.ok(&["run"]);
    let view = until(|| Some(place()).filter(|view| view["running"]["commit"] == json!(third)));
    assert_eq!(view["running"]["release"], json!(1_003), "{view}");
    drop((std::mem::take(&mut night.agents), std::mem::take(&mut night.runners)));
    server.stop();
    let replayed = night.apart.shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    let views = night.apart.shop.ok(&["audit", "verify"]);
    assert_eq!((&views["breaches"], &views["misfits"]), (&json!([]), &json!(0)), "{views}");
}

/// The same order with a lie in it is refused before the agent gets it, and changes nothing.
fn attacks(night: &Night) {
    let shop = &night.apart.shop;
    let order: Value = serde_json::from_slice(&std::fs::read(night.file("back.json")).unwrap()).unwrap();
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));
    let changes: [Change<'_>; 4] = [
        ("request-unsound", &|it| it["artifact"] = night.knows()["running"]["artifact"].clone()),
        ("number-unbelievable", &|it| it["release"] = json!(5_000_000)),
        ("release-not-newer", &|it| it["release"] = json!(1)),
        ("request-unsound", &|it| it["request"]["signatures"] = it["enrolment"]["signatures"].clone()),
    ];
    for (code, change) in changes {
        let mut changed = order.clone();
        change(&mut changed);
        std::fs::write(night.file("lie.json"), changed.to_string()).unwrap();
        let refused = shop.in_repository(&["agent", "apply", "--data", &night.dir(), "lie.json"], 3);
        assert_eq!(codes(&refused), [code], "{refused}");
    }
    assert_eq!(night.knows()["unrecorded"], json!(0));
    let mut elsewhere = order;
    elsewhere["environment"] = json!("production");
    std::fs::write(night.file("lie.json"), elsewhere.to_string()).unwrap();
    let refused = shop.in_repository(&["agent", "apply", "--data", &night.dir(), "lie.json"], 1);
    assert!(
        refused["error"].as_str().unwrap().contains("is an order for shop/ledger-api/production"),
        "{refused}"
    );
}
