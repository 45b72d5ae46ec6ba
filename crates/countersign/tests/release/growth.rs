//! Many entries: a start from a snapshot, an invalid snapshot, and memory that does not grow with the history.

use std::time::Instant;

use ::evidence::entry::Header;
use ledger::Reader;
use serde_json::{Value, json};

use crate::support::grow::grow;
use crate::support::{Home, Up};

fn installation(up: &Up) -> Value {
    serde_json::from_str(&up.get("/api/v1/installation").1).unwrap()
}

/// Waits until a snapshot is recorded.
fn snapshotted(home: &Home, up: &Up) {
    while !home.data().join("snapshot.json").exists() {
        // Each answer comes when the ledger has grown, or after a time limit.
        let entries = installation(up)["entries"].as_u64().unwrap();
        up.get(&format!("/api/v1/wait?past={entries}"));
    }
}

/// A memory figure of the process and all processes below it, in KiB.
fn memory(pid: u32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let own: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    let below = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    own + below.split_whitespace().map(|child| memory(child.parse().unwrap(), field)).sum::<u64>()
}

#[test]
fn a_start_goes_on_from_a_snapshot_and_throws_away_one_that_does_not_fit() {
    let home = Home::solo();
    grow(&home, 10_500);
    let up = home.up();
    snapshotted(&home, &up);
    assert_eq!(installation(&up)["snapshot"], json!(0));
    assert!(up.stop());

    let up = home.up();
    let from = installation(&up)["snapshot"].clone();
    assert!(from.as_u64().unwrap() >= 10_500, "{from}");
    assert_eq!(installation(&up)["misfits"], json!(0));
    assert!(up.stop());
    home.ok(&["audit", "verify"]);
    let hint: Value =
        serde_json::from_slice(&std::fs::read(home.data().join("snapshot.json")).unwrap()).unwrap();
    let at = hint["entry"].as_u64().unwrap();
    // Replay computes the same state from the whole ledger; no request belongs to the refusals above.
    let replayed = home.run(&["audit", "replay", "-o", "json"]);
    let replayed = String::from_utf8(replayed.stdout).unwrap();
    assert!(replayed.contains("entry 10000\""), "{replayed:.2000}");
    assert!(!replayed.contains(&format!("entry {at}\"")), "{replayed:.2000}");

    // With one changed byte the snapshot is dropped, and the state is computed from the whole ledger.
    let reader = Reader::open(&home.data()).unwrap();
    let entry = reader.entries(at, at + 1).unwrap().pop().unwrap();
    let header = Header::decode(&entry.header).unwrap();
    let blob = ledger::Blobs::read_only(&home.data().join("blobs")).path(&header.blobs[0]);
    let honest = std::fs::read(&blob).unwrap();
    let mut forged = honest.clone();
    forged[honest.len() / 2] ^= 1;
    std::fs::write(&blob, forged).unwrap();
    let up = home.up();
    assert_eq!((&installation(&up)["snapshot"], &installation(&up)["misfits"]), (&json!(0), &json!(0)));
    assert!(up.stop());
    std::fs::write(&blob, honest).unwrap();
    // A hint that points elsewhere proves nothing.
    std::fs::write(home.data().join("snapshot.json"), json!({ "v": 1, "entry": 3 }).to_string()).unwrap();
    let up = home.up();
    assert_eq!(installation(&up)["snapshot"], json!(0));
    assert!(up.stop());
}

/// With a million entries in an acceptance run, otherwise with few enough for every day.
#[test]
fn memory_and_start_do_not_grow_with_history() {
    let real = std::env::var_os("COUNTERSIGN_ACCEPT").is_some();
    let count: u64 = if real { 1_000_000 } else { 30_000 };
    let (empty, full) = (Home::solo(), Home::solo());
    grow(&full, count);
    let up = full.up();
    snapshotted(&full, &up);
    assert!(up.stop());

    let idle = |home: &Home| {
        let started = Instant::now();
        let up = home.up();
        let took = started.elapsed();
        home.witnessed(&up);
        // Alone on a machine the target applies; beside other tests only unshared memory counts.
        let memory = memory(up.pid(), if real { "Pss:" } else { "Anonymous:" });
        let from = installation(&up)["snapshot"].as_u64().unwrap();
        assert!(up.stop());
        (took, memory, from)
    };
    let (empty_start, empty_memory, _) = idle(&empty);
    let (start, memory, from) = idle(&full);
    assert!(from >= count, "{from}");
    println!(
        "{count} entries: up in {start:.2?}, {memory} KiB; empty: {empty_start:.2?}, {empty_memory} KiB"
    );
    // A test of every day checks counts and not times: the entries alone would be three times that limit.
    let slack = if real { 0 } else { 4 * 1024 };
    assert!(memory * 10 <= (empty_memory + slack) * 11, "{memory} KiB against {empty_memory} KiB");
    assert!(!real || start.as_secs_f64() <= 3.0, "{start:?}");
}
