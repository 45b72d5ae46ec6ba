//! Parity: the plan of what runs in the environment before, beside the plan of this release.
//!
//! Invariant: that plan is the one whose digest the agent of the environment before reported for what runs there. Values that
//! the configuration of this place expects to differ are no difference. A server that withholds the plan can only make a verdict
//! stricter: then nothing was compared, and a rule that asks for the comparison does not pass.

use std::collections::BTreeSet;

use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::parity::plan_values;
use evidence::plan::Plan;
use evidence::policy_files::PolicyFiles;
use evidence::report::AgentReport;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Name, Place};

use crate::input_reads::compares;
use crate::reasons::Flaw;
use crate::reports::Before;

/// How what runs in the environment before differs from this release.
#[derive(Clone, Debug)]
pub struct ParityProof {
    /// The environment before.
    pub environment: Name,
    /// Names of the values that differ and that this place does not expect to.
    pub differences: BTreeSet<String>,
}

/// Proves the plan of the environment before, and compares it. `None` if the bundle has none.
pub fn prove(bundle: &Bundle, before: Option<&Before>, is_read: bool) -> Result<Option<ParityProof>, Flaw> {
    let Some(bytes) = &bundle.lanes.before_plan else { return Ok(None) };
    if !is_read {
        return Err(unsound("the policy does not read the plan of the environment before"));
    }
    let reported = before.and_then(|before| before.report.as_ref()?.running.as_ref()?.plan);
    let Some(before) = before.filter(|_| reported == Some(Digest::of(&bytes.0))) else {
        return Err(unsound("it is not the plan that the agent of the environment before says it runs"));
    };
    let plan = Plan::decode(&bytes.0).map_err(|error| unsound(&error.to_string()))?;
    let expected = Configuration::decode(&bundle.configuration.0).ok().and_then(|it| it.parity);
    let (there, here) = (plan_values(&plan), plan_values(&bundle.plan));
    let names: BTreeSet<_> = there.keys().chain(here.keys()).collect();
    let differs = |name: &&&String| there.get(**name) != here.get(**name);
    let is_expected = |name: &str| expected.as_ref().is_some_and(|rules| rules.expects(name));
    let found = names.iter().filter(differs).filter(|name| !is_expected(name));
    let differences = found.map(|name| (*name).clone()).collect();
    Ok(Some(ParityProof { environment: before.environment.clone(), differences }))
}

/// Digest of the plan that runs in the environment before, as its agent reported, for the server that collects it. `None` if the
/// policy does not read how it differs.
#[must_use]
pub fn plan_to_compare(
    policy: &PolicyFiles,
    root: Option<&TrustRoot>,
    place: &Place,
    (environments, reports): (&[Envelope], &[Envelope]),
) -> Option<Digest> {
    let [before, _] = environments else { return None };
    root.filter(|root| compares(policy, root.mode, place))?;
    let before = Environment::read(before).ok()?;
    let report = reports.iter().find_map(|report| AgentReport::open(report, &before).ok())?;
    report.running?.plan
}

fn unsound(what: &str) -> Flaw {
    Flaw::new("parity-unsound", what)
}
