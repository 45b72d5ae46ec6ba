//! kill -9 of agent, splitter, server or everything, at random, while releases are rolled out under live requests: afterwards
//! exactly the versions of the step in force answer.

use std::collections::BTreeSet;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Shop;
use super::kill::Numbers;
use super::rollouts::{ask, change, port, port_of, rolled, under_load};
use crate::support::{Up, until};

/// The memory of the agent of dev.
fn memory(shop: &Shop) -> Value {
    let path = shop.home.data().with_file_name("data.agent-ledger-api-dev/memory.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The word that a release answers with, out of its file.
fn word(shop: &Shop, release: &Value) -> String {
    let artifact = release["artifact"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let dir = shop.home.data().with_file_name("data.agent-ledger-api-dev/releases").join(artifact);
    let text = fs::read_to_string(dir.join("bin/ledger-api")).unwrap();
    let at = text.find(", 'v").unwrap() + 3;
    text[at..].split('\'').next().unwrap().to_owned()
}

/// The versions that answer at the step in force; `None` while a rollout ends.
fn expected(shop: &Shop, memory: &Value) -> Option<BTreeSet<String>> {
    let old = word(shop, &memory["running"]);
    let Some(rollout) = memory.get("rollout") else { return Some([old].into()) };
    if rollout["progress"].get("ending").is_some() {
        return None;
    }
    let new = word(shop, &rollout["new"]);
    let is_first = rollout["progress"]["step"] == 0;
    Some(if is_first { [old, new].into() } else { [new].into() })
}

/// Waits until exactly the versions of the step in force answer. No third version ever does.
fn serves(shop: &Shop, port: u16) {
    until(|| {
        let before = memory(shop);
        let answers: BTreeSet<_> = (0..16).map(|_| ask(port).map(|(_, text)| text)).collect();
        let after = memory(shop);
        let known = [&before, &after].into_iter().flat_map(|one| {
            let rolled = one.get("rollout").map(|rollout| word(shop, &rollout["new"]));
            rolled.into_iter().chain([word(shop, &one["running"])])
        });
        let known: BTreeSet<_> = known.map(Some).chain([None]).collect();
        assert!(answers.is_subset(&known), "{answers:?} of {known:?}");
        let wanted = expected(shop, &before)?.into_iter().map(Some).collect();
        (before == after && answers == wanted).then_some(())
    });
}

fn end(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended by itself, as a splitter does with its rollout.
    assert!(matches!(kill_process(pid, Signal::KILL), Ok(()) | Err(Errno::SRCH)));
}

/// The splitter that an agent has started, by what the kernel says of its children.
fn splitter_of(agent: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{agent}/task/{agent}/children")).ok()?;
    let mut all: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    // A thread that starts a process is its parent.
    let threads = fs::read_dir(format!("/proc/{agent}/task")).ok()?.flatten();
    let of_threads = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    all.extend(
        of_threads.flat_map(|text| {
            text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
        }),
    );
    all.into_iter().find(|pid| {
        let said = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        said.split(|byte| *byte == 0).any(|word| word == b"split")
    })
}

/// Everything again. The processes before may take a moment to be gone.
fn up_again(shop: &Shop) -> Up {
    until(|| Some(shop.home.up()).filter(|up| !up.url.is_empty()))
}

/// Kills one of them, and has everything run again.
fn kill_one(shop: &Shop, up: Up, chance: u64) -> (Up, &'static str) {
    let pid = |role: &str, dir: &str| {
        let told = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let named = up.roles.iter().find(|(name, pid)| name.starts_with(role) && told(*pid).contains(dir));
        named.unwrap().1
    };
    let agent = "data.agent-ledger-api-dev";
    match chance {
        0 => {
            end(pid("agent", agent));
            // `up` starts it again, and gives it up only if that happens too often.
            (up, "agent")
        }
        1 => {
            let splitter = splitter_of(pid("agent", agent));
            splitter.into_iter().for_each(end);
            (up, if splitter.is_some() { "splitter" } else { "nothing" })
        }
        2 => {
            end(pid("server", ""));
            assert!(!up.ended(), "without a server nothing goes on");
            (up_again(shop), "server")
        }
        _ => {
            up.kill_all();
            (up_again(shop), "everything")
        }
    }
}

#[test]
fn kills_at_random_leave_the_versions_of_the_step_in_force() {
    let default = if std::env::var_os("COUNTERSIGN_ACCEPT").is_some() { 20 } else { 2 };
    let rollouts: u64 = std::env::var("COUNTERSIGN_ROLLOUTS").map_or(default, |text| text.parse().unwrap());
    let mut numbers = Numbers::from(0x9e37_79b9_7f4a_7c77);
    let shop = rolled("(200, 'v0')");
    let mut up = shop.home.up();
    assert_eq!(shop.ok(&["run"])["state"], "passed");
    let ports = [port(&shop), port_of(&shop, "staging")];
    for rollout in 1..=rollouts {
        let is_bad = numbers.below(3) == 0;
        let before = memory(&shop)["running"].clone();
        change(&shop, &format!("({}, 'v{rollout}')", if is_bad { 500 } else { 200 }));
        let mut run = shop.home.spawn_in(&shop.repository(), &["run"]);
        let (again, killed) = under_load(ports, || {
            let seen = memory(&shop)["seen_release"].clone();
            until(|| (memory(&shop)["seen_release"] != seen).then_some(()));
            // The time of the kill is a number of requests, not of seconds.
            (0..numbers.below(120)).for_each(|_| drop(ask(ports[0])));
            let (up, killed) = kill_one(&shop, up, numbers.below(4));
            serves(&shop, ports[0]);
            until(|| memory(&shop).get("rollout").is_none().then_some(()));
            serves(&shop, ports[0]);
            (up, killed)
        })
        .0;
        println!("rollout {rollout}: {killed} killed, {}", if is_bad { "bad" } else { "good" });
        drop(run.kill());
        run.wait().unwrap();
        let running = memory(&shop)["running"].clone();
        let wanted = if is_bad { word(&shop, &before) } else { format!("v{rollout}") };
        assert_eq!(word(&shop, &running), wanted, "rollout {rollout}, {killed} killed");
        // Ends that were asked for do not count against an agent in a new `up`.
        assert!(again.stop());
        up = shop.home.up();
    }
    assert!(up.stop());
}
