//! Roles as separate child processes: how they are started, awaited and stopped, and the child's side of it.
//!
//! Invariant: a role reports that it is ready in one JSON line on its standard output. A role started by `up`
//! ends when `up` ends, for whatever reason `up` ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use evidence::Digest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, kill_process, pidfd_open, set_parent_process_death_signal,
};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::output::Output;
use crate::own_program;

/// The line that a role prints once it answers requests.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Name of the role.
    pub role: String,
    /// URL at which the role answers.
    pub url: String,
    /// Process id of the role.
    pub pid: u32,
    /// URL of the console, of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// How other machines reach it, of a server.
    #[serde(flatten)]
    pub outside: Outside,
}

/// How other machines reach a server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outside {
    /// URLs; empty without a listener for other machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Digest of the certificate that they pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Digest>,
}

impl std::fmt::Display for Outside {
    /// A line with the addresses; nothing without any.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.addresses.as_slice() {
            [] => Ok(()),
            addresses => write!(f, "\nother machines: {}", addresses.join(" ")),
        }
    }
}

/// A role that runs as a child.
#[derive(Debug)]
pub struct Role {
    /// The line that the role printed when it was ready.
    pub ready: Ready,
    child: Child,
}

impl Role {
    /// Starts this program as a role and waits until it is ready.
    pub fn start(role: &str, data: &Path, arguments: &[String]) -> Result<Self, Failure> {
        let failed = |what: &dyn std::fmt::Display| Failure::error(format!("{role} did not start: {what}"));
        let mut command = Command::new(own_program::path());
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
                    None => Err(failed(&format!(
                        "it ended with {status} before it was ready and printed nothing"
                    ))),
                }
            }
        }
    }

    /// How the process ended, if it has ended without being asked to.
    pub fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(format!("its end cannot be read: {error}")),
        }
    }
}

impl Drop for Role {
    /// Asks the process to end and waits until it has, also when an error is being returned.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // The process may have ended meanwhile, so a failed signal is no error; the wait below covers both cases.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        drop(self.child.wait());
    }
}

/// The child's side: end when the parent ends, and fail if the parent ended before this call.
pub fn follow_parent(parent: Option<u32>) -> Result<(), Failure> {
    let Some(parent) = parent else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now == Some(parent) { Ok(()) } else { Err(Failure::error("the process that started this has ended")) }
}

/// The `up` process that started a role, read from the role's command line (proc_pid_cmdline(5)).
pub fn started_by(role: u32) -> Option<u32> {
    let line = std::fs::read(format!("/proc/{role}/cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    words.find(|word| word == "--with-parent")?;
    words.next()?.parse().ok()
}

/// Whether a role, which answered just now, ends without being asked to: the `up` that started it was killed, so the role follows
/// it (`follow_parent`). Waits until it has ended, so that a new `up` finds its address and directory free.
pub fn ends_by_itself(role: u32) -> bool {
    let Some(role_id) = i32::try_from(role).ok().and_then(Pid::from_raw) else { return false };
    // Opened before its parent is read: from here on the number cannot mean another process.
    let Ok(role_process) = pidfd_open(role_id, PidfdFlags::empty()) else { return true };
    let Some(up) = started_by(role) else { return false };
    if is_alive(up) {
        return false;
    }
    let mut awaited = [PollFd::new(&role_process, PollFlags::IN)];
    matches!(poll(&mut awaited, Some(&ENDING_WAIT)), Ok(ended) if ended > 0)
}

/// Whether a process works: it exists and is no zombie, whose end only its parent has not read yet (proc_pid_stat(5)).
fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The longest wait for a role that ends; it finishes the requests that it has.
const ENDING_WAIT: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// Prints the line that reports a role as ready.
pub fn announce(role: &str, url: &str, output: Output) {
    say(role, url, (None, Outside::default()), "asks the server at", output);
}

/// The same for a role that listens; a server has pages too. Their address is in no log: under its name a browser has a session.
pub fn announce_with(role: &str, url: &str, (console, outside): (Option<&str>, Outside), output: Output) {
    say(role, url, (console, outside), "answers at", output);
}

fn say(role: &str, url: &str, (console, outside): (Option<&str>, Outside), does: &str, output: Output) {
    // Not as a URL: scripts take the first one that `up` prints for the server's, and the witness starts before it.
    let address = url.strip_prefix("http://").unwrap_or(url);
    tracing::info!(address, pid = std::process::id(), version = env!("CARGO_PKG_VERSION"), "started");
    let (role, url, console) = (role.to_owned(), url.to_owned(), console.map(str::to_owned));
    let ready = Ready { role, url, pid: std::process::id(), console, outside };
    if let Err(failure) = output.print(&ready, |ready| format!("{} {does} {}", ready.role, ready.url)) {
        let _ = failure.report(output);
    }
}

/// Listens for the signals that ask this process to end.
#[derive(Debug)]
pub struct Stop {
    term: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    /// Starts to listen; must be called inside a runtime.
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

/// Resolves when the process is asked to end. Signals count from the first poll on.
pub async fn stop_signal() {
    match Stop::listen() {
        Ok(stop) => {
            stop.asked().await;
            tracing::info!("asked to end");
        }
        Err(_) => std::future::pending().await,
    }
}
