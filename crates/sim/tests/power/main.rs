//! Power cuts: writes that were not synced are lost, wholly or in part, and every node still keeps its promises. strace
//! records the file operations of a run of the simulator, which are replayed on a simulated disk that loses writes; then
//! every node starts from the remaining files.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod platter;
mod trace;

use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;
use platter::{Platter, Survivors};
use sim::Promises;
use trace::Operation;

/// Runs the simulator under strace and returns all of its file operations.
fn watched() -> Vec<Operation> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trace");
    let (strace, libraries) = strace();
    let mut command = Command::new(strace);
    command.args(["-f", "-y", "-xx", "-qq", "-s", "100000000", "-e", trace::CALLS, "-o"]).arg(&file);
    command.arg(env!("CARGO_BIN_EXE_sim")).args(["--watch", "--seed", "3", "--hours", "2"]);
    command.env("LD_LIBRARY_PATH", libraries);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    trace::read(&std::fs::read_to_string(&file).unwrap())
}

/// The strace program of `cargo x setup`, with its libraries; or the system's.
fn strace() -> (PathBuf, PathBuf) {
    let target = Path::new(env!("CARGO_BIN_EXE_sim")).ancestors().nth(2).unwrap();
    let own = target.join("strace/usr/bin/strace");
    let libraries = target.join("strace/usr/lib/x86_64-linux-gnu");
    let found = [own, "/usr/bin/strace".into()].into_iter().find(|path| path.exists());
    (found.ok_or("strace is not there: `cargo x setup`").unwrap(), libraries)
}

/// Cuts the power after every so many changes, once with all unsynced writes lost and once with some of them; returns the
/// number of cuts, and the promises that were broken after them.
fn cuts(acts: &[Operation], every: usize, syncs: impl Fn(&str) -> bool) -> (usize, Vec<String>) {
    let said = |prefix: &str| {
        let with = |act: &Operation| match act {
            Operation::Said(line) => line.strip_prefix(prefix).map(str::to_owned),
            _ => None,
        };
        acts.iter().find_map(with).unwrap()
    };
    let (root, end): (String, u64) = (said("root "), said("end ").parse().unwrap());
    let mut platter = Platter::new(&root);
    let mut promised: Option<Promises> = None;
    let (mut changes, mut cut, mut broken) = (0, 0, Vec::new());
    let mut chance = Rng::with_seed(7);
    for (number, act) in acts.iter().enumerate() {
        match act {
            Operation::Said(line) if line.starts_with("end ") => break,
            Operation::Said(line) => {
                if let Some(json) = line.strip_prefix("promised ") {
                    promised = Some(serde_json::from_str(json).unwrap());
                }
                continue;
            }
            Operation::Sync { path } if !syncs(path) => continue,
            _ => {}
        }
        let (true, Some(promised)) = (platter.act(act), &promised) else { continue };
        changes += 1;
        if changes % every != 0 {
            continue;
        }
        for left in [Survivors::Nothing, Survivors::Some(&mut chance)] {
            let dir = memory();
            platter.cut(left, dir.path());
            cut += 1;
            let mut found = sim::survived(dir.path(), promised, end);
            // A node may have written what it is about to promise: a return changes what runs, and not the newest release.
            if !found.is_empty()
                && next_promise(&acts[number..])
                    .is_some_and(|next| sim::survived(dir.path(), &next, end).is_empty())
            {
                found.clear();
            }
            broken.extend(found.into_iter().map(|what| format!("after act {number}: {what}")));
        }
    }
    (cut, broken)
}

/// The first promise among these acts.
fn next_promise(acts: &[Operation]) -> Option<Promises> {
    let lines = acts.iter().filter_map(|act| match act {
        Operation::Said(line) => line.strip_prefix("promised "),
        _ => None,
    });
    lines.map(|json| serde_json::from_str(json).unwrap()).next()
}

fn memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

#[test]
fn what_was_promised_survives_a_power_cut() {
    let acts = watched();
    let every = if std::env::var_os("COUNTERSIGN_ACCEPT").is_some() { 1 } else { 41 };
    let (cut, broken) = cuts(&acts, every, |_| true);
    println!("{cut} power cuts among {} acts, {} promises broken", acts.len(), broken.len());
    assert!(cut > 100, "{cut} cuts");
    assert!(broken.is_empty(), "{} broken, first of all: {:?}", broken.len(), &broken[..broken.len().min(8)]);
}

/// The test can fail: a disk that ignores syncs breaks promises of every kind of node.
#[test]
fn a_disk_that_ignores_syncs_is_found_out() {
    let acts = watched();
    for (whose, syncs) in
        [("server", "/data/"), ("agent", "/agent-"), ("witness", "/witness-"), ("runner", "/runner-")]
    {
        let (_, broken) = cuts(&acts, 97, |path| !path.contains(syncs));
        assert!(broken.iter().any(|what| what.contains(&format!(": {whose}"))), "{whose}: {}", broken.len());
    }
}
