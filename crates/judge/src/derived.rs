//! Parts of a bundle that the judge derives again: the deployment plan, its differences from the bounds, the provenance.
//!
//! Invariant: what is derived from proven parts equals what the bundle carries.

use std::collections::BTreeSet;

use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::environment::Environment;
use evidence::plan::{Destination, Plan};
use evidence::provenance;
use evidence::release_file::{self, ReleaseFile};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Name};

use crate::bounds::{self, Difference};
use crate::reasons::{NEW_BUNDLE, Reasons, one_reason};
use crate::receipts::BuildProof;
use crate::unapplied;

/// The plan that was derived again.
#[derive(Clone, Debug)]
pub struct PlanProof {
    /// Digest of the plan.
    pub digest: Digest,
    /// Differences between the plan and the bounds of the place; absent without bounds.
    pub differences: Option<BTreeSet<Difference>>,
    /// The configuration of the place.
    pub configuration: Configuration,
    /// Classes of data that the release file names for the service.
    pub data: BTreeSet<Name>,
}

/// The parts that release file and configuration give.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The plan.
    pub plan: Plan,
    /// The configuration.
    pub configuration: Configuration,
    /// Classes of data of the service.
    pub data: BTreeSet<Name>,
}

/// Derives the plan again from the files of the commit and the configuration, and compares it with the bounds.
pub fn plan(bundle: &Bundle, environment: &Environment) -> Result<PlanProof, Reasons> {
    let wrong = |what: String| one_reason("plan-differs", what, NEW_BUNDLE);
    unapplied::refuse("the plan", &bundle.plan.unapplied())?;
    if Digest::of(&bundle.configuration.0) != environment.configuration {
        let what = "the configuration is not the one that the environment statement names";
        return Err(one_reason("configuration-differs", what, NEW_BUNDLE));
    }
    let Derived { plan: derived, configuration, data } =
        derive(bundle, &bundle.configuration.0, environment)?;
    if derived != bundle.plan {
        return Err(wrong("the plan is not what release file and configuration give".into()));
    }
    let differences = configuration.bounds.is_some().then(|| bounds::differences(&derived, &configuration));
    let digest = derived.digest().map_err(|error| wrong(error.to_string()))?;
    Ok(PlanProof { digest, differences, configuration, data })
}

/// The plan that the release file of the commit and the bytes of a configuration give in an environment.
pub fn derive(bundle: &Bundle, configuration: &[u8], environment: &Environment) -> Result<Derived, Reasons> {
    let wrong = |what: String| one_reason("plan-differs", what, NEW_BUNDLE);
    let file = bundle.source.files.get(release_file::PATH);
    let file = file.ok_or_else(|| wrong("the source has no release file".into()))?;
    let file = ReleaseFile::parse(&file.0).map_err(|error| wrong(error.to_string()))?;
    let configuration = Configuration::decode(configuration).map_err(|error| wrong(error.to_string()))?;
    let to = Destination {
        installation: bundle.installation,
        project: &bundle.project,
        service: &bundle.service,
        environment: &bundle.environment,
        commit: &bundle.source.commit,
    };
    let plan = Plan::derive(&to, &file, &configuration).and_then(|plan| environment.planned(plan));
    let plan = plan.map_err(|error| wrong(error.to_string()))?;
    let service = file.services.get(&bundle.service);
    let data = service.map(|service| service.data.iter().cloned().collect()).unwrap_or_default();
    Ok(Derived { plan, configuration, data })
}

/// Checks that the provenance equals the one derived from the receipts and that the server's key signed it.
pub fn provenance(bundle: &Bundle, root: &TrustRoot, build: &BuildProof) -> Result<(), Reasons> {
    let wrong = |what: String| one_reason("provenance-unsound", what, NEW_BUNDLE);
    let expected = provenance::provenance(&bundle.plan.artifact, &bundle.artifact(), &build.receipts)
        .map_err(|error| wrong(error.to_string()))?;
    if expected.payload_digest() != bundle.provenance.payload_digest() {
        return Err(wrong("the provenance is not what the receipts say".into()));
    }
    root.provenance.verify(&bundle.provenance).map_err(|error| wrong(error.to_string()))
}
