//! The steps before a release: each in a separate enclosure, with the role that it needs, and without it afterwards.
//!
//! Invariant: the role of a step is revoked before the next step begins, however the step ended. An agent that is killed
//! meanwhile revokes it when it starts.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evidence::before::RELEASE_VARIABLE;
use evidence::databases::PlannedDatabase;
use evidence::plan::{Plan, StepBefore};
use mint::{Lease, LeaseId, Target, Terms};

use crate::apply::Fault;
use crate::held::StartError;
use crate::process::Processes;
use crate::service_log::ServiceLog;
use crate::steps;

impl Processes {
    /// Runs the steps of a plan before a release with this number.
    pub(crate) fn run_before(&mut self, plan: &Plan, dir: &Path, release: u64) -> Result<(), Fault> {
        self.leases.clear(self.launcher.as_ref());
        plan.before.iter().try_for_each(|step| {
            let done = self.step(plan, dir, release, step);
            self.leases.end(self.launcher.as_ref());
            done
        })
    }

    fn step(&mut self, plan: &Plan, dir: &Path, release: u64, step: &StepBefore) -> Result<(), Fault> {
        let failed = |error: StartError| steps::failed(step, &error.to_string());
        // It ends as soon as it is asked to: the time of a step is over then, or nobody wants the release any more.
        let launch = self.described(plan, dir, &step.command, 0);
        let mut launch =
            launch.and_then(|launch| self.secrets.to_step(plan, step, launch, self.clock)).map_err(failed)?;
        launch.socket = false;
        launch.variables.insert(RELEASE_VARIABLE.into(), release.to_string());
        let database = step.database.as_ref().and_then(|name| plan.databases.get(name));
        let variables = database.map(|database| self.role(plan, step, database)).transpose()?;
        launch.minted = variables.is_some();
        let pipe = io::pipe().map_err(|error| failed(StartError::Io("make a pipe for its log", error)));
        let (pipe, log) = pipe?;
        self.note(&format!("step `{}` before release {release} begins", step.name));
        let held = self.held(&launch, variables, OwnedFd::from(log)).map_err(failed)?;
        // The service writes into the same log meanwhile.
        let said = ServiceLog::in_memory();
        let flow = self.log.take_twice(pipe, &said);
        let flow = flow.map_err(|error| failed(StartError::Io("read its log", error)))?;
        let runtime = Arc::clone(&self.runtime);
        let done = runtime.block_on(steps::until_done(step, held, &self.interrupts));
        let lines = said.last_lines(&flow);
        self.note(&match &done {
            Ok(()) => format!("step `{}` before release {release} is done", step.name),
            Err(fault) => fault.what.clone(),
        });
        done.map_err(|fault| steps::with_lines(fault, &lines))
    }

    /// Has a role made for a step; its variables are in the pipe.
    fn role(
        &mut self,
        plan: &Plan,
        step: &StepBefore,
        database: &PlannedDatabase,
    ) -> Result<PipeReader, Fault> {
        let failed = |why: String| steps::failed(step, &why);
        let now = self.clock.ok_or_else(|| failed("the agent has no clock".into()))?();
        let credential =
            self.secrets.credential(plan, database).map_err(|error| failed(error.to_string()))?;
        let named = |error: mint::TextError| failed(error.to_string());
        let target = Target {
            host: database.host.clone(),
            port: database.port,
            database: database.database.parse().map_err(named)?,
            authority: database.authority.clone(),
        };
        let terms = Terms {
            owner: database.owner.parse().map_err(named)?,
            until: now.later_by(Duration::from_millis(step.stop_ms) + REVOKING_TIME),
            connections: database.connections,
        };
        let credential = serde_json::to_string(&credential).map_err(|error| failed(error.to_string()))?;
        let id = LeaseId::draw().map_err(|error| failed(error.to_string()))?;
        self.leases
            .begin(self.launcher.as_ref(), Lease { id, credential, target, terms })
            .map_err(|error| failed(error.to_string()))
    }
}

/// After the time of a step and this, its role takes no password any more, also if the database was away when it was revoked.
const REVOKING_TIME: Duration = Duration::from_secs(60);
