//! Agent reports in a bundle: the running artifact of this place, and of the environment before.
//!
//! Invariant: only the agent that the environment statement names can say what runs at its place.

use std::collections::BTreeSet;

use evidence::bundle::Bundle;
use evidence::environment::Environment;
use evidence::report::{AgentReport, ReleaseOutcome, Running};

use tlog::Hash;

use crate::proofs::{Proven, was_head};
use crate::reasons::{FORKED, NEW_BUNDLE, Reasons, one_reason};

/// The report of the environment before.
#[derive(Clone, Debug)]
pub struct Before {
    /// Name of the environment.
    pub environment: evidence::Name,
    /// Last report of its agent.
    pub report: Option<AgentReport>,
    /// Whether this artifact runs there.
    pub runs_it: bool,
}

/// Facts from the reports.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The environment before, if there is one.
    pub before: Option<Before>,
    /// The running artifact of this place.
    pub own: Option<Running>,
    /// Ledger sizes that the agents have seen, if the reports also state the root hash.
    pub sizes: BTreeSet<u64>,
}

/// Opens the reports of this place and of the environment before.
pub fn open(
    bundle: &Bundle,
    here: &Environment,
    before: Option<&Environment>,
    proven: &Proven,
    reasons: &mut Reasons,
) -> Result<Reported, Reasons> {
    let wrong = |what: String| one_reason("report-unsound", what, NEW_BUNDLE);
    if !bundle.reports.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest()) {
        return Err(wrong("agent reports are not sorted, or one stands twice".into()));
    }
    let (mut own, mut earlier) = (None, None);
    let mut sizes = BTreeSet::new();
    for envelope in &bundle.reports {
        let claimed = AgentReport::read(envelope).map_err(|error| wrong(error.to_string()))?;
        let (statement, slot) = match before {
            Some(before) if claimed.environment == before.environment => (before, &mut earlier),
            _ => (here, &mut own),
        };
        let report = AgentReport::open(envelope, statement).map_err(|error| wrong(error.to_string()))?;
        if let Some(head) = report.checkpoint_root
            && !was_head(bundle, proven, report.checkpoint, &Hash::from_bytes(*head.as_bytes()))
        {
            let what = format!("the agent of `{}` saw another ledger", claimed.environment);
            return Err(one_reason("ledger-forked", what, FORKED));
        }
        sizes.extend(report.checkpoint_root.map(|_| report.checkpoint));
        if slot.replace(report).is_some() {
            return Err(wrong(format!("`{}` has two reports", claimed.environment)));
        }
    }
    let before = before.map(|before| {
        let artifact = bundle.artifact();
        // A later release that was refused or did not come up does not change the running artifact.
        let failed = |report: &AgentReport| {
            report.artifact == artifact
                && matches!(report.outcome, ReleaseOutcome::Returned | ReleaseOutcome::Failed)
        };
        let runs = |report: &AgentReport| {
            !failed(report) && report.running.as_ref().is_some_and(|r| r.artifact == artifact)
        };
        let runs_it = earlier.as_ref().is_some_and(runs);
        Before { environment: before.environment.clone(), report: earlier, runs_it }
    });
    if let Some(before) = before.as_ref().filter(|before| !before.runs_it) {
        let what = format!("`{}` does not run this artifact", before.environment);
        reasons.against("not-run-before", what, "release it there first");
    }
    let own: Option<AgentReport> = own;
    Ok(Reported { before, own: own.and_then(|report| report.running), sizes })
}
