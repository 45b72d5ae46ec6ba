//! Proven evidence, as a policy with other `reads` sees it.
//!
//! Invariant: nothing is added. The evidence carries what the policy that decided read, so a policy that reads more is refused
//! here. The digest of the evidence that approvers named stays, and with it each vote.

use std::collections::BTreeSet;

use evidence::bundle::{Bundle, Lanes};
use evidence::environment::Environment;
use evidence::observations::ObservationKind;
use evidence::{Digest, canonical::CanonicalError};
use policy::{AllReads, Gate, Reason};

use crate::check::{MEND_POLICY, UNDECIDED};
use crate::checked::Checked;
use crate::input_reads::reads_input;
use crate::lanes::observations::demand_all;
use crate::lanes::{self, documents_read, retain_concerning};
use crate::reasons::{Flaw, Reasons};

/// The evidence does not carry what a policy reads.
#[derive(Debug, thiserror::Error)]
pub enum NotCarried {
    /// A document of a report.
    #[error("the policy reads the document {0}, which the recorded evidence does not carry")]
    Document(Digest),
    /// Observations of a kind.
    #[error("the policy reads observations `{0}`, which the recorded evidence does not carry")]
    Observations(&'static str),
    /// The plan of the environment before.
    #[error(
        "the policy reads how the environment before differs, and the recorded evidence does not carry its plan"
    )]
    Plan,
    /// A part of the evidence is unsound.
    #[error("the recorded evidence does not give what the policy reads: {0}")]
    Flaw(#[from] Flaw),
    /// The question for the reads cannot be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// The same evidence with what this policy reads, instead of what the policy read that it was checked by.
pub fn read_by<'a>(mut checked: Checked<'a>, gate: &Gate) -> Result<Checked<'a>, NotCarried> {
    let bundle = checked.bundle;
    let then = AllReads {
        reports: std::mem::take(&mut checked.lanes.documents.reads),
        observations: std::mem::take(&mut checked.lanes.observed.reads),
        parity: bundle.lanes.before_plan.is_some(),
    };
    let mut former = Reasons::default();
    tell(&mut checked, bundle, then.clone(), &mut former)?;
    let mut reasons = std::mem::take(&mut checked.reasons);
    remove(&mut reasons.against, former.against);
    remove(&mut reasons.unclear, former.unclear);
    reasons.unclear.retain(|reason| reason.code != UNDECIDED);

    let asked = reads_input(checked.trust.root.mode, &checked.place)?;
    let now = gate.all_reads(&asked).unwrap_or_else(|error| {
        reasons.unclear(UNDECIDED, error.to_string(), MEND_POLICY);
        AllReads::default()
    });
    let needed = needed(&checked, &then, &now)?;
    let mut documents = bundle.lanes.documents.clone();
    documents.retain(|digest, _| needed.contains(digest));
    let narrowed = Bundle { lanes: Lanes { documents, ..bundle.lanes.clone() }, ..bundle.clone() };
    let kinds: BTreeSet<ObservationKind> = now.observations.iter().map(|read| read.kind).collect();
    checked.lanes.observed.observations.retain(|observation| kinds.contains(&observation.kind()));
    if !now.parity {
        checked.lanes.parity = None;
    }
    tell(&mut checked, &narrowed, now, &mut reasons)?;
    retain_concerning(&mut checked.lanes.statements, bundle, &checked.lanes.documents);
    checked.reasons = reasons;
    Ok(checked)
}

/// Reads the documents of a bundle by these reads, and finds fault where a demand is not met.
fn tell(
    checked: &mut Checked<'_>,
    bundle: &Bundle,
    reads: AllReads,
    reasons: &mut Reasons,
) -> Result<(), Flaw> {
    let Checked { now, build, trust, lanes: proven, .. } = checked;
    proven.documents =
        lanes::prove(bundle, build, &proven.checks, &trust.root, reads.reports, *now, reasons)?;
    let before = environment_before(bundle);
    let environments = (&trust.environment, before.as_ref());
    demand_all(&reads.observations, environments, &proven.observed.observations, *now, reasons);
    proven.observed.reads = reads.observations;
    Ok(())
}

/// Digests of the documents that the policy reads, if the evidence carries them and everything else that it reads.
fn needed(checked: &Checked<'_>, then: &AllReads, now: &AllReads) -> Result<BTreeSet<Digest>, NotCarried> {
    let bundle = checked.bundle;
    let of_checks = checked.lanes.checks.receipts.iter().map(|(_, receipt)| receipt);
    let of_build = checked.build.receipts.iter().map(|(_, receipt)| receipt);
    let needed = documents_read(&now.reports, of_build, of_checks);
    if let Some(missing) = needed.iter().find(|digest| !bundle.lanes.documents.contains_key(digest)) {
        return Err(NotCarried::Document(*missing));
    }
    let has_before = environment_before(bundle).is_some();
    let is_read = |kind| then.observations.iter().any(|read| read.kind == kind);
    let may_exist = |kind: ObservationKind| kind.is_of_itself() || has_before;
    let mut kinds = now.observations.iter().map(|read| read.kind);
    if let Some(kind) = kinds.find(|kind| may_exist(*kind) && !is_read(*kind)) {
        return Err(NotCarried::Observations(kind.as_str()));
    }
    let reported = checked.before.as_ref().and_then(|before| before.report.as_ref()?.running.as_ref()?.plan);
    if now.parity && !then.parity && reported.is_some() {
        return Err(NotCarried::Plan);
    }
    Ok(needed)
}

/// The environment statement of the place directly before, which was proven with the bundle.
fn environment_before(bundle: &Bundle) -> Option<Environment> {
    let [before, _] = bundle.environments.as_slice() else { return None };
    Environment::read(before).ok()
}

/// Removes each of these reasons once.
fn remove(reasons: &mut Vec<Reason>, former: Vec<Reason>) {
    for reason in former {
        if let Some(at) = reasons.iter().position(|other| *other == reason) {
            reasons.remove(at);
        }
    }
}
