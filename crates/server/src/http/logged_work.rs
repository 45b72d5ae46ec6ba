//! The log of a piece of work: its name in an address, and the file that has it now.
//!
//! Invariant: words of an address become part of a file's name only after they were parsed as names.

use std::fs::File;

use domain::build::Due;
use domain::{RunId, State};
use evidence::Name;
use wire::ProblemKind;

use super::problem::Failure;
use crate::logs::file_name;
use crate::shared::Shared;

/// A piece of work on a runner, whose log is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedWork {
    /// The run.
    pub run: RunId,
    /// `step`, `artifact` or `check`.
    pub kind: &'static str,
    /// Name of the work.
    pub label: String,
    /// The runner.
    pub runner: Name,
}

/// The bytes of a log, as far as they are known now.
#[derive(Debug)]
pub enum LogFile {
    /// The whole log, as the runner reported it.
    Whole(File, u64),
    /// A log that may still grow; `None` if nothing has come yet.
    Live(Option<File>),
    /// The run has ended without a report, so there is no log.
    Never,
}

impl LoggedWork {
    /// Reads the words of an address.
    ///
    /// # Errors
    /// `Failure` if they name no work.
    pub fn read(run: &str, kind: &str, label: &str, runner: &str) -> Result<Self, Failure> {
        let kind = match kind {
            "step" => "step",
            "artifact" => "artifact",
            "check" => "check",
            other => {
                return Err(malformed(format!("`{other}` is neither `step` nor `artifact` nor `check`")));
            }
        };
        // A label becomes part of a file's name.
        let parts = label.split('.').collect::<Vec<_>>();
        let is_number = |part: &str| part.parse::<u64>().is_ok_and(|number| number.to_string() == part);
        let is_label = match parts.as_slice() {
            [name] if kind != "check" => name.parse::<Name>().is_ok(),
            [service, environment, release, name] if kind == "check" => {
                is_number(release)
                    && [service, environment, name].iter().all(|part| part.parse::<Name>().is_ok())
            }
            _ => false,
        };
        if !is_label {
            return Err(malformed(format!(
                "`{}` names no {kind}",
                label.chars().take(80).collect::<String>()
            )));
        }
        Ok(Self {
            run: run.parse().map_err(malformed)?,
            kind,
            label: label.to_owned(),
            runner: runner.parse().map_err(malformed)?,
        })
    }

    /// Whether due work is this work.
    pub fn is(&self, due: &Due) -> bool {
        due.run == self.run && due.work.kind() == self.kind && due.work.label() == self.label
    }

    /// Whether the work still runs, or waits for its runner.
    pub fn is_due(&self, state: &State) -> bool {
        state.outstanding(&self.runner).any(|due| self.is(due))
    }

    /// Name of the file of its live log.
    pub fn file_name(&self) -> String {
        file_name(self.run, self.kind, &self.label, &self.runner)
    }

    /// Its log now.
    ///
    /// # Errors
    /// `Failure` if views or files cannot be read.
    pub fn open(&self, shared: &Shared) -> Result<LogFile, Failure> {
        let state = shared.intake.state();
        if !self.is_due(&state) {
            super::freshness::up_to_date(shared)?;
            let stored = shared.views.log_of(self.run, (self.kind, &self.label), &self.runner);
            if let Some(log) = stored.map_err(Failure::failed)? {
                let (file, size) = shared.gatekeeper.blobs().open_file(&log)?;
                return Ok(LogFile::Whole(file, size));
            }
            if state.build.run(self.run).is_none() {
                return Ok(LogFile::Never);
            }
        }
        Ok(LogFile::Live(shared.logs.open_file(&self.file_name()).map_err(Failure::failed)?))
    }
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ProblemKind::Malformed, error.to_string())
}
