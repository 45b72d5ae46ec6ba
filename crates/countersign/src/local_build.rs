//! Steps of a pipeline on this machine, outside of any run: for an approver's rebuild and for `pipeline run`.
//!
//! Invariant: sandbox, inputs and assembly are the same as on a runner. Each step makes a receipt as on a runner, but
//! its key is random and no root knows it, so the receipt is dropped and counts nowhere.

use std::collections::BTreeMap;

use client::advisories;
use client::clock;
use client::random;
use domain::gate::GateOutcome;
use evidence::machine::MachineSigner;
use evidence::pipeline::Pipeline;
use evidence::{Id, Moment, Name};
use judge::Lent;
use policy::Reason;
use runner::{
    Caps, Execution, Host, Identity, Log, RetainedOutputs, Sandbox, Source, StepError, Toolchain, execute,
    merge,
};

use crate::failure::Failure;
use crate::operator::Reach;

/// A build in progress.
pub struct LocalBuild<'a> {
    source: &'a Source,
    pipeline: &'a Pipeline,
    identity: (Id, Name, u32),
    signer: MachineSigner,
    toolchain: Toolchain,
    isolation: Sandbox,
    /// Outputs of the steps that have run.
    pub left: BTreeMap<Name, RetainedOutputs>,
}

impl<'a> LocalBuild<'a> {
    /// A build of a source for a project; no step has run yet.
    pub fn new(
        source: &'a Source,
        pipeline: &'a Pipeline,
        identity: (Id, Name, u32),
        reach: &Reach,
    ) -> Result<Self, Failure> {
        let signer = MachineSigner::from_seed(random::bytes()?)?;
        let toolchain = reach.host_toolchain()?;
        let isolation = reach.sandbox(Caps::of_host()).with_advisories(advisories::default_file().ok());
        let isolation = isolation.with_images(reach.images()?);
        Ok(Self { source, pipeline, identity, signer, toolchain, isolation, left: BTreeMap::new() })
    }

    /// Whether a step gets secrets, or needs one that does. People's machines get none.
    pub fn is_apart(&self, name: &Name) -> bool {
        self.pipeline.held_apart().contains(name)
    }

    /// Runs a step whose needs have run; `None` if the step is an approval by people.
    pub fn step(&mut self, name: &Name, log: Log<'_>) -> Result<Option<Execution>, Failure> {
        let Some(step) = self.pipeline.steps.get(name).filter(|step| step.is_work()) else {
            return Ok(None);
        };
        let (installation, project, root) = self.identity.clone();
        let identity = Identity {
            installation,
            runner: "local".parse()?,
            root,
            signer: &self.signer,
            project,
            nonce: random::id()?,
            verified_ref: None,
            lent: Lent::default(),
        };
        let needed = self.left.iter().filter(|(name, _)| step.needs.contains(*name));
        let given = merge(&needed.map(|(name, given)| (name.clone(), given.clone())).collect())
            .map_err(|error| of_step(name, &error.into()))?;
        let now: fn() -> Moment = clock::moment;
        let host =
            Host { toolchain: &self.toolchain, isolation: &self.isolation, now: &now, log, wanted: &|| true };
        let done =
            execute(&identity, self.source, name, &given, &host).map_err(|error| of_step(name, &error))?;
        if done.facts.passed() {
            self.left.insert(name.clone(), done.outputs.clone());
        }
        Ok(Some(done))
    }
}

/// A fault of the project is a verdict on the project; every other fault is a failure of this machine.
fn of_step(name: &Name, error: &StepError) -> Failure {
    let what = format!("step `{name}` could not begin: {error}");
    if !matches!(error, StepError::RetainedOutputs(_)) {
        return Failure::error(what);
    }
    let remedy = "change the outputs or the needs in the pipeline file".to_owned();
    let finding = Reason { code: "step-failed".to_owned(), what, remedy, finding: None };
    Failure::decided(GateOutcome::Fail, "the pipeline does not pass", vec![finding])
}
