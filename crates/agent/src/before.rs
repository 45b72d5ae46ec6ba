//! The steps before a release: each in a separate enclosure, with the role that it needs, and without it afterwards.
//!
//! Invariant: the role of a step is revoked before the next step begins, however the step ended. An agent that is killed
//! meanwhile revokes it when it starts.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evidence::before::RELEASE_VARIABLE;
use evidence::plan::{Plan, StepBefore};

use crate::apply::Fault;
use crate::held::StartError;
use crate::leases::Use;
use crate::process::Processes;
use crate::service_log::ServiceLog;
use crate::steps;

impl Processes {
    /// Runs the steps of a plan before a release with this number.
    pub(crate) fn run_before(&mut self, plan: &Plan, dir: &Path, release: u64) -> Result<(), Fault> {
        self.leases.clear(self.means.launcher.as_ref());
        plan.before.iter().try_for_each(|step| {
            let done = self.step(plan, dir, release, step);
            self.leases.end_step(self.means.launcher.as_ref());
            done
        })
    }

    fn step(&mut self, plan: &Plan, dir: &Path, release: u64, step: &StepBefore) -> Result<(), Fault> {
        let failed = |error: StartError| steps::failed(step, &error.to_string());
        // It ends as soon as it is asked to: the time of a step is over then, or nobody wants the release any more.
        let launch = self.means.described(plan, dir, &step.command, 0, None);
        let mut launch = launch
            .and_then(|launch| self.secrets.to_step(plan, step, launch, self.means.clock))
            .map_err(failed)?;
        launch.socket = false;
        launch.variables.insert(RELEASE_VARIABLE.into(), release.to_string());
        let database = step.database.as_ref().and_then(|name| plan.databases.get(name));
        let time = Duration::from_millis(step.stop_ms) + REVOKING_TIME;
        let made = database.map(|database| self.role(plan, database, time, Use::Step)).transpose();
        let made = made.map_err(|why| steps::failed(step, &why))?;
        if let Some(database) = database {
            launch = self.secrets.with_role(database, launch).map_err(failed)?;
        }
        let variables = made.map(|(_, variables)| variables);
        let pipe = io::pipe().map_err(|error| failed(StartError::Io("make a pipe for its log", error)));
        let (pipe, log) = pipe?;
        self.means.note(&format!("step `{}` before release {release} begins", step.name));
        let held = self.means.held(&launch, None, variables, OwnedFd::from(log)).map_err(failed)?;
        // The service writes into the same log meanwhile.
        let said = ServiceLog::in_memory();
        let flow = self.means.log.take_twice(pipe, &said);
        let flow = flow.map_err(|error| failed(StartError::Io("read its log", error)))?;
        let runtime = Arc::clone(&self.means.runtime);
        let done = runtime.block_on(steps::until_done(step, held, &self.means.interrupts));
        let lines = said.last_lines(&flow);
        self.means.note(&match &done {
            Ok(()) => format!("step `{}` before release {release} is done", step.name),
            Err(fault) => fault.what.clone(),
        });
        done.map_err(|fault| steps::with_lines(fault, &lines))
    }
}

/// After the time of a step and this, its role takes no password any more, also if the database was away when it was revoked.
const REVOKING_TIME: Duration = Duration::from_secs(60);
