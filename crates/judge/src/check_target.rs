//! Checks after deployment: whether a runner may check a release that the server says runs.
//!
//! Invariant: the agent of that place signed that this very release runs, and the policy signers named that agent. The
//! check is in the release file of the commit. The port is that of the plan that the agent applied, so the server's owner
//! cannot lead a check to another program.

use evidence::check::Check;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::plan::{Destination, Plan, Target};
use evidence::receipt::Work;
use evidence::release_check::ReleaseCheck;
use evidence::release_file::{self, ReleaseFile};
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::run_order::{CheckOrder, RunOrder};
use evidence::trust_root::Site;

use crate::reasons::{Reasons, one_reason};
use crate::records::NOWHERE;
use crate::run_order::OpenedRun;

/// A check that may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTarget {
    /// The check, as the commit declares it.
    pub check: Check,
    /// Loopback port of the service; `None` if it has none.
    pub port: Option<u16>,
}

impl OpenedRun<'_> {
    /// Checks that the release of this check runs, and finds what is to be done.
    ///
    /// # Errors
    /// `Reasons` with the faults.
    pub fn target(&self, order: &RunOrder, release_file: Option<&[u8]>) -> Result<CheckTarget, Reasons> {
        let Work::Check(wanted) = &self.due.work else { return Err(wrong("other-run", "it is no check")) };
        let (part, report) = part(order, wanted)?;
        let statement = Environment::open(&part.environment, &self.root)
            .map_err(|error| wrong("environment-unsound", error.to_string()))?;
        let report = AgentReport::open(&part.report, &statement)
            .map_err(|error| wrong("report-unsound", format!("{error} (agent {})", report.agent)))?;
        self.agent(&statement, &report, &part.report)?;
        let commit = report.running.as_ref().map(|running| &running.commit);
        let is_it = report.outcome == ReleaseOutcome::Running
            && report.release == wanted.release
            && report.artifact == wanted.artifact
            && commit == Some(&self.due.commit);
        if !is_it {
            let what = format!("the agent of {} does not say that this release runs there", wanted.place);
            return Err(wrong("check-of-another-release", what));
        }
        self.declared(part, wanted, &statement, &report, release_file)
    }

    /// Checks that the agent's key counts today, and that the agent is on this runner's host.
    fn agent(&self, statement: &Environment, report: &AgentReport, signed: &Envelope) -> Result<(), Reasons> {
        let agent = statement.agents.iter().find(|agent| agent.name == report.agent);
        if agent.is_none() || !self.revoked.counts_signer(signed, &NOWHERE) {
            return Err(wrong("agent-revoked", format!("the key of agent {} is revoked", report.agent)));
        }
        let runner = self.root.runners.iter().find(|runner| runner.name == self.due.runner);
        let (here, there) = (runner.map(|runner| &runner.place), agent.map(|agent| &agent.place));
        if !here.zip(there).is_some_and(|(here, there)| here.is_on_host_of(there)) {
            let host =
                |site: Option<&Site>| site.map_or_else(|| "no host".to_owned(), |site| site.host.clone());
            let (here, there) = (host(here), host(there));
            let what = format!("the service runs on {there}, and this runner is on {here}");
            return Err(one_reason("other-host", what, "have a runner on the host of the agent"));
        }
        Ok(())
    }

    /// Finds the check in the release file, and the port in the plan that the agent applied.
    fn declared(
        &self,
        part: &CheckOrder,
        wanted: &ReleaseCheck,
        statement: &Environment,
        report: &AgentReport,
        release_file: Option<&[u8]>,
    ) -> Result<CheckTarget, Reasons> {
        if evidence::Digest::of(&part.configuration.0) != statement.configuration {
            let what = "the configuration is not the one that the environment statement names";
            return Err(wrong("configuration-differs", what));
        }
        let differs = |error: &dyn std::fmt::Display| wrong("plan-differs", error.to_string());
        let file = release_file.ok_or_else(|| differs(&format!("there is no {}", release_file::PATH)))?;
        let file = ReleaseFile::parse(file).map_err(|error| differs(&error))?;
        let configuration = Configuration::decode(&part.configuration.0).map_err(|error| differs(&error))?;
        let to = Destination {
            installation: self.root.installation,
            project: &wanted.place.project,
            service: &wanted.place.service,
            environment: &wanted.place.environment,
            commit: &self.due.commit,
        };
        let plan = Plan::derive(&to, &file, &configuration).and_then(|plan| statement.planned(plan));
        let plan = plan.map_err(|error| differs(&error))?;
        if plan.digest().map_err(|error| differs(&error))? != report.plan {
            let what = "the agent applied another plan than release file and configuration give today";
            return Err(wrong("plan-differs", what));
        }
        let service = file.services.get(&wanted.place.service);
        let check = service.and_then(|service| service.checks.get(&wanted.name));
        let check = check.filter(|check| check.is_for(&wanted.place.environment));
        let unknown = || {
            let what = format!("the release file declares no check `{}` of {}", wanted.name, wanted.place);
            wrong("check-unknown", what)
        };
        let port = match plan.target {
            Target::Process { port, .. } => port,
            Target::Files {} => None,
        };
        Ok(CheckTarget { check: check.ok_or_else(unknown)?.clone(), port })
    }
}

/// The part of the order that is about the place of this check, with what its report says unverified.
fn part<'a>(order: &'a RunOrder, wanted: &ReleaseCheck) -> Result<(&'a CheckOrder, AgentReport), Reasons> {
    let mut found = None;
    for part in &order.checks {
        let read =
            AgentReport::read(&part.report).map_err(|error| wrong("report-unsound", error.to_string()))?;
        if read.place() == wanted.place && found.replace((part, read)).is_some() {
            return Err(wrong("order-unsound", format!("two reports of {} are here", wanted.place)));
        }
    }
    found.ok_or_else(|| wrong("check-without-report", format!("no agent says what runs at {}", wanted.place)))
}

fn wrong(code: &str, what: impl Into<String>) -> Reasons {
    one_reason(code, what, "have it released there again: `countersign run --again`")
}
