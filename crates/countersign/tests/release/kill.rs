//! kill -9 at random: of `up`, or of one role, while a release is in progress. Acknowledged commands stay, the running
//! release was approved, and nothing is half applied.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use ledger::Reader;
use serde_json::{Value, json};

use super::{Shop, at};
use crate::support::{Home, Up, until};

/// Pseudo-random numbers that are the same every time (Marsaglia's xorshift64).
pub struct Numbers(u64);

impl From<u64> for Numbers {
    fn from(seed: u64) -> Self {
        Self(seed)
    }
}

impl Numbers {
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// The newest entries that the server has shown, by number: an entry that was shown must always exist.
fn seen(up: &Up, kept: &mut BTreeMap<u64, String>) {
    let installation: Value = serde_json::from_str(&up.get("/api/v1/installation").1).unwrap();
    let entries = installation["entries"].as_u64().unwrap();
    let from = entries.saturating_sub(20);
    let shown: Value = serde_json::from_str(&up.get(&format!("/api/v1/entries?from={from}")).1).unwrap();
    for entry in shown.as_array().unwrap() {
        kept.insert(entry["entry"].as_u64().unwrap(), entry["facts"].to_string());
    }
}

/// The `ssh-agent` of the demo, for instance, whose file gives it a group on Debian.
#[test]
fn a_program_that_follows_ends_with_its_parent_whatever_its_file_gives() {
    let home = Home::new();
    let program = home.dir.path().join("sleeps");
    std::fs::copy("/bin/sleep", &program).unwrap();
    // An ordinary user cannot give a file to a foreign group, and its program gets no right then.
    drop(std::os::unix::fs::chown(&program, None, Some(65_534)));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o2755)).unwrap();
    let script = "\"$0\" service-exec follow $$ \"$1\" 1000 >&2 & echo $!; wait";
    let mut parent = home.program("sh");
    parent.args(["-c", script, env!("CARGO_BIN_EXE_countersign")]).arg(&program).stdout(Stdio::piped());
    let mut parent = parent.spawn().unwrap();
    let mut id = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut id).unwrap();
    let runs = || std::fs::read_link(format!("/proc/{}/exe", id.trim())).is_ok_and(|exe| exe == program);
    until(|| runs().then_some(()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until(|| (!runs()).then_some(()));
}

#[test]
fn nothing_is_lost_when_roles_are_killed_at_random() {
    let real = std::env::var_os("COUNTERSIGN_ACCEPT").is_some();
    let (default, installations) = if real { (1_000, 4) } else { (6, 1) };
    let kills: u64 = std::env::var("COUNTERSIGN_KILLS").map_or(default, |text| text.parse().unwrap());
    // Several installations at once, independent of each other, so that the whole machine is used.
    std::thread::scope(|scope| {
        for n in 0..installations {
            scope.spawn(move || killed_at_random(n, kills.div_ceil(installations)));
        }
    });
}

/// Kills this many times in a separate installation, and checks everything.
fn killed_at_random(installation: u64, kills: u64) {
    let shop = Shop::solo();
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d ^ (installation << 32));
    let (mut kept, mut acknowledged) = (BTreeMap::new(), BTreeMap::<u64, String>::new());
    let mut killed: BTreeMap<String, u64> = BTreeMap::new();
    for n in 0..kills {
        let up = shop.home.up();
        assert!(!up.url.is_empty(), "kill {n}: it does not come up again");
        shop.commit(&format!("change {n}"));
        // The last command may be in progress when the kill happens; every acknowledged one counts.
        let commands = [&["run"][..], &["approve", "--yes", "--reason", "tested"], &["promote"]];
        let last = usize::try_from(numbers.below(3)).unwrap();
        let run = |arguments: &[&str]| {
            let output = shop.home.run_in(&shop.repository(), &[arguments, &["-o", "json"][..]].concat());
            let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            said["entry"]
                .as_u64()
                .filter(|_| output.status.success())
                .map(|entry| (entry, arguments[0].to_owned()))
        };
        acknowledged.extend(commands.iter().take(last).filter_map(|arguments| run(arguments)));
        let role = std::thread::scope(|scope| {
            let under_way = scope.spawn(|| run(commands[last]));
            // The time of the kill is a number of requests, not of seconds.
            for _ in 0..numbers.below(60) {
                seen(&up, &mut kept);
            }
            let role = match usize::try_from(numbers.below(8)).unwrap() {
                number if number < up.roles.len() => up.kill_role(number),
                _ => {
                    up.kill();
                    "up".to_owned()
                }
            };
            acknowledged.extend(under_way.join().unwrap());
            role
        });
        *killed.entry(role).or_default() += 1;
        if n % 50 == 49 {
            println!(
                "installation {installation}: {} kills {killed:?}, {} entries acknowledged",
                n + 1,
                acknowledged.len()
            );
        }
    }
    let up = shop.home.up();
    shop.commit("the last one");
    assert_eq!(shop.release()["outcome"], json!("running"));
    whole(&shop, &up);
    assert!(up.stop());
    let reader = Reader::open(&shop.home.data()).unwrap();
    let size = reader.head().unwrap().frontier.size();
    let lost: Vec<_> = acknowledged.keys().filter(|entry| **entry >= size).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for (number, facts) in &kept {
        let entry = reader.entries(*number, *number + 1).unwrap().pop().unwrap();
        let found: Value = serde_json::from_slice(&entry.facts.bytes).unwrap();
        assert_eq!(found.to_string(), *facts, "entry {number} is another one now");
    }
    let verified = shop.ok(&["audit", "verify"]);
    assert_eq!((&verified["misfits"], &verified["breaches"]), (&json!(0), &json!([])));
    // Every decision is replayed: nothing was released that was not approved.
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    println!(
        "installation {installation}: {kills} kills {killed:?}: {} acknowledged and {} seen entries, 0 lost, 0 half applied, {} decisions agree",
        acknowledged.len(),
        kept.len(),
        replayed["agree"]
    );
}

/// The server's running artifact, the agent's memory, and the `current` link are the same.
fn whole(shop: &Shop, up: &Up) {
    let view = at(up, "production")["running"]["artifact"].clone();
    let dir = shop.home.data().with_file_name("data.agent-ledger-api-production");
    let memory: Value = serde_json::from_slice(&std::fs::read(dir.join("memory.json")).unwrap()).unwrap();
    assert_eq!(memory["running"]["artifact"], view);
    let current = std::fs::read_link(dir.join("current")).unwrap();
    let hex = view.as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert!(current.ends_with(hex), "{current:?}, not {hex}");
}
