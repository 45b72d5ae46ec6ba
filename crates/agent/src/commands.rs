//! A program that probes a process, from its start to its end.
//!
//! Invariant: processes that it started end with it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use evidence::plan::Plan;

use crate::held::{End, ServiceProcess, StartError};
use crate::keeper::Launch;
use crate::means::Means;
use crate::probe::try_time;
use crate::probe_error::ProbeError;
use crate::service_log::{Flow, ServiceLog};

/// A probe command that runs.
#[derive(Debug)]
pub struct ProbeCommand {
    program: String,
    held: ServiceProcess,
    said: ServiceLog,
    flow: Flow,
    until: Instant,
}

impl ProbeCommand {
    /// Starts a command beside a process that listens at this port, if it is not the plan's own.
    pub fn begin(
        means: &mut Means,
        plan: &Plan,
        dir: &Path,
        words: &[String],
        port: Option<u16>,
    ) -> Result<Self, ProbeError> {
        let launch = Launch { socket: false, ..means.described(plan, dir, words, 0, port)? };
        let program = words.first().cloned().unwrap_or_default();
        let (pipe, log) = io::pipe().map_err(|error| StartError::Io("make a pipe for the log", error))?;
        let said = ServiceLog::in_memory();
        let flow = said.take(pipe).map_err(|error| StartError::Io("read what it prints", error))?;
        let held = means.held(&launch, None, None, OwnedFd::from(log))?;
        let until = Instant::now() + try_time(&plan.probe).max(COMMAND_TIME_MIN);
        Ok(Self { program, held, said, flow, until })
    }

    /// Whether it has ended, or its time is over.
    pub fn is_over(&mut self) -> bool {
        self.held.ended().is_some() || Instant::now() >= self.until
    }

    /// Ends it, and tells whether it passed.
    pub fn result(mut self) -> Result<(), ProbeError> {
        let (end, program) = (self.held.ended(), self.program);
        // Processes that it started end with it.
        self.held.stop()?;
        let lines = self.said.last_lines(&self.flow);
        match end {
            Some(End::Code(0)) => Ok(()),
            Some(end) => Err(ProbeError::Command { program, end, lines }),
            None => Err(ProbeError::CommandTimeout { program, lines }),
        }
    }
}

/// Shortest time limit of a probe command, because starting one can take a while on a busy machine.
const COMMAND_TIME_MIN: Duration = Duration::from_secs(10);
