//! Processes of this agent's releases that an earlier agent process left behind, for example because it was killed.
//!
//! Invariant: a process is ended only if it belongs to this user and its variables name this agent's state directory and a
//! commit; only the agent sets these variables. A process namespace leaves no process behind; a subreaper may.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tracing::warn;

use crate::sockets::begin_of;

/// Processes of an earlier release live on.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("processes of an earlier release live on: {0:?}")]
pub struct LeftoversError(pub Vec<u32>);

/// Ends them, and waits until they have ended.
///
/// # Errors
/// `LeftoversError` when some live on.
pub fn end(state: &Path) -> Result<(), LeftoversError> {
    let until = Instant::now() + END_TIME_MAX;
    let mut told = false;
    loop {
        let found = find(state);
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(LeftoversError(found));
        }
        if !std::mem::replace(&mut told, true) {
            let names: Vec<_> = found.iter().map(|pid| crate::sockets::name_of(*pid)).collect();
            warn!("ending processes that an earlier release left behind: {}", names.join(", "));
        }
        for pid in found.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // The process may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Processes whose variables were set by an agent with this state directory.
pub fn find(state: &Path) -> Vec<u32> {
    let mark = format!("STATE_DIRECTORY={}", state.display()).into_bytes();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|item| item.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id() && is_marked(*pid, &mark)).collect()
}

fn is_marked(pid: u32, mark: &[u8]) -> bool {
    let variables = begin_of(Path::new(&format!("/proc/{pid}/environ")));
    let has = |wanted: &dyn Fn(&[u8]) -> bool| variables.split(|byte| *byte == 0).any(wanted);
    has(&|variable| variable == mark) && has(&|variable| variable.starts_with(b"COUNTERSIGN_COMMIT="))
}

const END_TIME_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn only_processes_with_both_marks_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let start = |state: &Path, commit: bool| {
            let mut command = Command::new("sleep");
            command.arg("1000").env_clear().env("STATE_DIRECTORY", state);
            if commit {
                command.env("COUNTERSIGN_COMMIT", "abc");
            }
            command.spawn().unwrap()
        };
        let mut ours = start(dir.path(), true);
        let mut others = [start(&dir.path().join("other"), true), start(dir.path(), false)];
        // The first process is a child of this test, so the test has to reap it.
        while find(dir.path()) != [ours.id()] {}
        end(dir.path()).unwrap();
        assert!(ours.try_wait().unwrap().is_some() || ours.wait().is_ok());
        for other in &mut others {
            assert!(other.try_wait().unwrap().is_none(), "not ours");
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
