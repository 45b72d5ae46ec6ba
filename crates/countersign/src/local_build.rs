//! Steps of a pipeline on this machine, outside of any run: for an approver's rebuild and for `pipeline run`.
//!
//! Invariant: the sandbox, the inputs and the assembly are those of a runner. Receipts are made on the way and thrown
//! away: the key that signs them is drawn for the occasion and counts for nobody.

use std::collections::BTreeMap;

use domain::gate::GateOutcome;
use evidence::machine::MachineSigner;
use evidence::pipeline::Pipeline;
use evidence::{Id, Moment, Name};
use policy::Finding;
use runner::{
    Caps, Execution, Host, Identity, Log, RetainedOutputs, Sandbox, Source, StepError, Toolchain, execute,
    merge,
};

use crate::failure::Failure;
use crate::operator::Reach;
use crate::{clock, random};

/// A build under way.
pub struct LocalBuild<'a> {
    source: &'a Source,
    pipeline: &'a Pipeline,
    identity: (Id, Name, u32),
    signer: MachineSigner,
    toolchain: Toolchain,
    isolation: Sandbox,
    /// What the steps so far have left.
    pub left: BTreeMap<Name, RetainedOutputs>,
}

impl<'a> LocalBuild<'a> {
    /// A build of a source for a project, in which no step has run.
    pub fn new(
        source: &'a Source,
        pipeline: &'a Pipeline,
        identity: (Id, Name, u32),
        reach: &Reach,
    ) -> Result<Self, Failure> {
        let signer = MachineSigner::from_seed(random::bytes()?)?;
        let (toolchain, isolation) = (reach.host_toolchain()?, reach.sandbox(Caps::of_host()));
        Ok(Self { source, pipeline, identity, signer, toolchain, isolation, left: BTreeMap::new() })
    }

    /// Runs a step whose needs have run; `None` when it is people's.
    pub fn step(&mut self, name: &Name, log: Log<'_>) -> Result<Option<Execution>, Failure> {
        let Some(step) = self.pipeline.steps.get(name).filter(|step| step.run.is_some()) else {
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

/// What the project is to blame for is a verdict on it; everything else is a failure of this machine.
fn of_step(name: &Name, error: &StepError) -> Failure {
    let what = format!("step `{name}` could not begin: {error}");
    if !matches!(error, StepError::RetainedOutputs(_)) {
        return Failure::error(what);
    }
    let remedy = "change the outputs or the needs in the pipeline file".to_owned();
    let finding = Finding { code: "step-failed".to_owned(), what, remedy };
    Failure::decided(GateOutcome::Fail, "the pipeline does not pass", vec![finding])
}
