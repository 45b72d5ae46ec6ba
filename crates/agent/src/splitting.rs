//! The splitter of a place, from the agent's side: a child process that has the listening socket and knows nothing else.
//!
//! Invariant: it gets neither the agent's directory nor a key nor a secret, and it ends with the agent. The agent keeps the
//! listening socket, so the port stays open while another splitter takes the place of one that was killed.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use splitter::{Control, Figures, Table};

use crate::fault::Fault;
use crate::held::Launcher;
use crate::service_user::ServiceUser;

/// A running splitter.
#[derive(Debug)]
pub struct Splitter {
    child: Child,
    control: Option<Control>,
}

impl Splitter {
    /// Starts a splitter of a listening socket, which has no table yet.
    pub fn start(
        launcher: &dyn Launcher,
        socket: &TcpListener,
        user: Option<ServiceUser>,
    ) -> Result<Self, Fault> {
        let failed = |error: std::io::Error| failed(&format!("the splitter cannot be started: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let socket = socket.try_clone().map_err(failed)?;
        let mut command = launcher.command();
        command.args(["split", &std::process::id().to_string()]);
        if let Some(user) = user {
            command.arg(serde_json::to_string(&user).map_err(|error| failed(error.into()))?);
        }
        command.env_clear().current_dir("/").process_group(0);
        command.stdin(OwnedFd::from(socket)).stdout(OwnedFd::from(theirs));
        let child = command.spawn().map_err(failed)?;
        Ok(Self { child, control: Some(Control::new(ours)) })
    }

    /// Puts a table in force.
    pub fn set(&mut self, table: &Table) -> Result<(), Fault> {
        let control = self.control.as_mut().ok_or_else(|| failed("the splitter has ended"))?;
        control.set(table).map(drop).map_err(|error| failed(&error.to_string()))
    }

    /// Its figures.
    pub fn figures(&mut self) -> Result<Figures, Fault> {
        let control = self.control.as_mut().ok_or_else(|| failed("the splitter has ended"))?;
        control.figures().map_err(|error| failed(&error.to_string()))
    }

    /// Whether its process is there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets it accept nothing more and end its requests, for a limited time; then it is killed.
    pub fn stop(mut self) {
        self.control = None;
        let until = Instant::now() + END_TIME_MAX;
        while self.is_alive() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Splitter {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn failed(what: &str) -> Fault {
    Fault::new("splitter-failed", what)
}

/// Longer than a splitter takes for its requests once the agent's end of the stream is closed.
const END_TIME_MAX: Duration = Duration::from_secs(11);
const LOOK_EVERY: Duration = Duration::from_millis(2);
