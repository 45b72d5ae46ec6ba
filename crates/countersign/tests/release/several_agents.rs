//! A place with several agents: a release goes to one after the other, a failure at one takes it back from those that have it, and
//! a rollback reaches all of them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::hosts::Role;
use super::services::{QUICK, change, shop};
use super::{Shop, at};
use crate::support::{Up, until};

const DEV: &str = "shop/ledger-api/dev";

const STAYS: &str = "while :; do sleep 0.05; done";
/// Fails at the agent where a file lies in the service's directory.
const PROBE: &str = "[ ! -e \"$STATE_DIRECTORY/bad\" ]";

struct Place {
    shop: Shop,
    up: Up,
    /// Directories of its agents, in their order; the first one runs with `up`.
    dirs: [PathBuf; 3],
    /// The lines by which people name them.
    lines: Vec<String>,
}

impl Place {
    fn new() -> Self {
        let shop = shop(STAYS, "exit 0", QUICK);
        let up = shop.home.up();
        let beside = |name: &str| shop.home.data().with_file_name(name);
        let dirs = [beside("data.agent-ledger-api-dev"), beside("second"), beside("third")];
        let own = memory(&dirs[0])["agent"].as_str().unwrap().to_owned();
        let names = [own, "agent-2".to_owned(), "agent-3".to_owned()];
        let lines = names.iter().zip(&dirs).map(|(name, dir)| {
            let data = dir.to_str().unwrap();
            let made = shop.ok(&["agent", "key", "--data", data, "--name", name]);
            made["line"].as_str().unwrap().to_owned()
        });
        let lines: Vec<_> = lines.collect();
        let mut sets = vec!["trust", "environment", "--yes", DEV];
        lines.iter().for_each(|line| sets.extend(["--agent", line]));
        shop.ok(&sets);
        let pin = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
        for dir in &dirs[1..] {
            shop.ok(&["agent", "join", "--data", dir.to_str().unwrap(), "--place", DEV, "--pin", &pin]);
        }
        Self { shop, up, dirs, lines }
    }

    fn agent(&self, number: usize) -> Role {
        let data = self.dirs[number].to_str().unwrap();
        let words = ["agent", "--data", data, "--server", &self.up.url, "--settle-seconds", "0"];
        Role::start(&self.shop.home, &words)
    }

    /// What each agent has, by the view of the place.
    fn turns(&self) -> Vec<(Option<u64>, String)> {
        let turns = at(&self.up, "dev")["turns"].clone();
        let one = |turn: &Value| (turn["release"].as_u64(), turn["state"].as_str().unwrap().to_owned());
        turns.as_array().unwrap().iter().map(one).collect()
    }

    fn become_turns(&self, expected: &[(Option<u64>, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(release, state)| (*release, (*state).to_owned())).collect();
        until(|| (self.turns() == expected).then_some(()));
    }

    /// The release that each agent runs, by its own memory.
    fn running(&self) -> Vec<Option<u64>> {
        self.dirs.iter().map(|dir| memory(dir)["running"]["release"].as_u64()).collect()
    }

    /// Whether the release does not work at an agent from now on.
    fn breaks(&self, number: usize, breaks: bool) {
        let bad = self.dirs[number].join("state/bad");
        if breaks { std::fs::write(bad, "").unwrap() } else { std::fs::remove_file(bad).unwrap() }
    }
}

fn memory(dir: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join("memory.json")).unwrap()).unwrap()
}

/// The last report of an agent.
fn report(dir: &Path) -> Value {
    let envelope: evidence::dsse::Envelope =
        serde_json::from_value(memory(dir)["report"][1].clone()).unwrap();
    serde_json::to_value(evidence::report::AgentReport::read(&envelope).unwrap()).unwrap()
}

#[test]
fn a_release_goes_to_the_agents_of_a_place_in_order_and_leaves_all_if_it_fails_at_one() {
    let place = Place::new();
    let shop = &place.shop;
    let second = place.agent(1);

    // The third agent is away: the place waits for it, and says so.
    shop.ok(&["run", "--no-wait"]);
    let runs = |release| (Some(release), "runs");
    place.become_turns(&[runs(1), runs(1), (None, "turn")]);
    assert_eq!(place.running(), [Some(1), Some(1), None]);
    assert_eq!(at(&place.up, "dev")["running"], json!(null), "the place does not run it yet");
    assert_eq!(at(&place.up, "staging")["open"], json!(null), "it goes nowhere else yet");
    let shown = shop.home.run_in(&shop.repository(), &["status"]).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("agent-3 runs nothing and has its turn with release 1"), "{shown}");
    let third = place.agent(2);
    place.become_turns(&[runs(1), runs(1), runs(1)]);
    until(|| (at(&place.up, "staging")["running"]["release"] == json!(1)).then_some(()));

    // It fails at the second one: the third one never hears of it, and the first one goes back.
    place.breaks(1, true);
    change(shop, STAYS, PROBE, QUICK);
    shop.ok(&["run", "--no-wait"]);
    until(|| (at(&place.up, "dev")["last"]["outcome"] == json!("returned")).then_some(()));
    place.become_turns(&[runs(1), runs(1), runs(1)]);
    assert_eq!(place.running(), [Some(1), Some(1), Some(1)]);
    assert_eq!(at(&place.up, "dev")["running"]["release"], json!(1));
    let (first, third_said) = (report(&place.dirs[0]), report(&place.dirs[2]));
    assert_eq!((&first["release"], &first["outcome"]), (&json!(2), &json!("returned")), "{first}");
    assert_eq!(first["reasons"], json!(["failed-elsewhere"]));
    let detail = first["detail"].as_str().unwrap();
    assert!(detail.contains("release 2 did not work at agent agent-2 (returned): probe-failed"), "{detail}");
    assert_eq!(third_said["release"], json!(1), "it was given nothing since");

    // It works everywhere again, and a rollback reaches all of them.
    place.breaks(1, false);
    change(shop, &format!("echo mended\n{STAYS}"), PROBE, QUICK);
    shop.ok(&["run", "--no-wait"]);
    place.become_turns(&[runs(3), runs(3), runs(3)]);
    until(|| (at(&place.up, "staging")["running"]["release"] != json!(1)).then_some(()));
    shop.ok(&["rollback", "--yes", DEV, "--reason", "too slow"]);
    place.become_turns(&[runs(4), runs(4), runs(4)]);
    until(|| (place.running() == [Some(4), Some(4), Some(4)]).then_some(()));
    assert_eq!(at(&place.up, "dev")["rollback"], json!(null));

    // Without the third one, the others go on.
    third.stop();
    shop.commit("a change that the third agent never gets");
    shop.ok(&["run", "--no-wait"]);
    place.become_turns(&[runs(5), runs(5), (Some(4), "turn")]);
    let [first, second_line, _] = place.lines.as_slice() else { unreachable!() };
    shop.ok(&["trust", "environment", "--yes", DEV, "--agent", first, "--agent", second_line]);
    until(|| (at(&place.up, "dev")["running"]["release"] == json!(5)).then_some(()));
    second.stop();
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert_eq!(shop.ok(&["audit", "verify"])["breaches"], json!([]));
    assert!(place.up.stop());
}
