//! Sizes of the ledger that the signers of a bundle's parts saw, each of which has to be proven an ancestor.

use std::collections::BTreeSet;

use evidence::approval::Signed;
use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::observations::Observation;
use evidence::report::AgentReport;
use evidence::statements::Statement;
use evidence::trust_root::TrustRoot;

use crate::continuity::ends;

/// Sizes of the ledger that people and agents saw, and at which older origins ended.
pub fn seen_sizes(bundle: &Bundle, roots: &[TrustRoot]) -> Vec<u64> {
    let approvals = bundle.approvals.iter().filter_map(seen_size);
    let statements = bundle.lanes.statements.iter().filter_map(stated_size);
    let reports = bundle.reports.iter().filter_map(reported_size);
    let observations = bundle.lanes.observations.iter().filter_map(observed_size);
    let seen = approvals.chain(statements).chain(reports).chain(observations);
    let sizes: BTreeSet<u64> = seen.chain(ends(roots).into_iter().map(|end| end.size)).collect();
    sizes.into_iter().collect()
}

fn seen_size(envelope: &Envelope) -> Option<u64> {
    let signed = Signed::read(envelope).ok()?;
    signed.said.checkpoint.parse::<tlog::Checkpoint>().ok().map(|checkpoint| checkpoint.size)
}

fn stated_size(envelope: &Envelope) -> Option<u64> {
    let statement = Statement::read(envelope).ok()?;
    statement.checkpoint.parse::<tlog::Checkpoint>().ok().map(|checkpoint| checkpoint.size)
}

fn observed_size(envelope: &Envelope) -> Option<u64> {
    let observation = Observation::read(envelope).ok()?;
    observation.checkpoint_root.map(|_| observation.checkpoint)
}

fn reported_size(envelope: &Envelope) -> Option<u64> {
    let report = AgentReport::read(envelope).ok()?;
    report.checkpoint_root.map(|_| report.checkpoint)
}
