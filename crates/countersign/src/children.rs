//! Roles as processes of their own: started, waited for, stopped; and the child's side of it.
//!
//! Invariant: a role says that it is ready in one JSON line on its standard output. A role started by `up`
//! ends when `up` does, however that happens.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::output::Output;

/// What a role prints once it answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// The role.
    pub role: String,
    /// Where it answers.
    pub url: String,
    /// Its process id.
    pub pid: u32,
}

/// A role that runs as a child.
#[derive(Debug)]
pub struct Role {
    /// What it printed when it was ready.
    pub ready: Ready,
    child: Child,
}

impl Role {
    /// Starts this program as a role and waits until it is ready.
    pub fn start(role: &str, data: &Path, arguments: &[String]) -> Result<Self, Failure> {
        let failed = |what: &dyn std::fmt::Display| Failure::error(format!("{role} did not start: {what}"));
        let mut command = Command::new(std::env::current_exe()?);
        command.args([role, "-o", "json", "--with-parent", &std::process::id().to_string(), "--data"]);
        command.arg(data).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let stdout = child.stdout.take().ok_or_else(|| failed(&"it has no standard output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| failed(&error))?;
        match serde_json::from_str(&line) {
            Ok(ready) => Ok(Self { ready, child }),
            Err(_) => {
                let status = child.wait()?;
                let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                match said.get("error").and_then(serde_json::Value::as_str) {
                    Some(error) => Err(failed(&error)),
                    None => Err(failed(&format!("it ended with {status} and said nothing"))),
                }
            }
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Role {
    /// Asks it to end and waits until it has, also when something else went wrong.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // It may have ended meanwhile; the wait below tells either way.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        drop(self.child.wait());
    }
}

/// The child's side: end with the parent, and not outlive one that ended before this ran.
pub fn follow_parent(parent: Option<u32>) -> Result<(), Failure> {
    let Some(parent) = parent else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now == Some(parent) { Ok(()) } else { Err(Failure::error("the process that started this has ended")) }
}

/// The `up` that started a role, by the words that the role was started with (proc_pid_cmdline(5)).
pub fn started_by(role: u32) -> Option<u32> {
    let line = std::fs::read(format!("/proc/{role}/cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    words.find(|word| word == "--with-parent")?;
    words.next()?.parse().ok()
}

/// Says that a role is ready.
pub fn announce(role: &str, url: &str, output: Output) {
    let ready = Ready { role: role.to_owned(), url: url.to_owned(), pid: std::process::id() };
    if let Err(failure) = output.print(&ready, |ready| format!("{} answers at {}", ready.role, ready.url)) {
        let _ = failure.report(output);
    }
}

/// Listens for the wish that this process end.
#[derive(Debug)]
pub struct Stop {
    term: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    /// Listens from now on; inside a runtime.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves when the process is asked to end.
    pub async fn asked(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Resolves when the process is asked to end, from the first look on.
pub async fn stop_signal() {
    match Stop::listen() {
        Ok(stop) => stop.asked().await,
        Err(_) => std::future::pending().await,
    }
}
