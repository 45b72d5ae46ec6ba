//! How a place differs from what was declared for it, as each of its agents observed it last.
//!
//! Invariant: an observation that cannot be read is not shown; the ledger still has it.

use domain::State;
use domain::observation::RecordedObservation;
use evidence::dsse::Envelope;
use evidence::observations::{Body, DriftSeen, Observation};
use evidence::{Name, Place};
use judge::Store as _;
use wire::{AgentBaselineView, AgentDriftView};

use crate::shared::Shared;

/// Drift and measured baseline of each agent of a place that has observed them.
pub fn of(shared: &Shared, state: &State, at: &Place) -> (Vec<AgentDriftView>, Vec<AgentBaselineView>) {
    let (mut drift, mut baseline) = (Vec::new(), Vec::new());
    for known in state.observation.at(at).filter(|known| known.facts.about.is_none()) {
        let Some(Observation { agent, time, body, .. }) = read(shared, known) else { continue };
        let entry = known.entry;
        match body {
            Body::Drift(seen) => drift.push(AgentDriftView {
                agent,
                time,
                entry,
                frozen: seen.is_frozen(),
                findings: seen.findings,
                more: seen.more,
            }),
            Body::Baseline(seen) => baseline.push(AgentBaselineView {
                agent,
                time,
                entry,
                baseline: seen.baseline,
                equal: seen.equal,
                differences: seen.differences,
                more: seen.more,
            }),
            _ => {}
        }
    }
    (drift, baseline)
}

/// Place, agent and drift of an observation that is about drift.
pub fn drift_of(envelope: &Envelope) -> Option<(Place, Name, DriftSeen)> {
    let Observation { place, agent, body, .. } = Observation::read(envelope).ok()?;
    if let Body::Drift(seen) = body { Some((place, agent, seen)) } else { None }
}

fn read(shared: &Shared, known: &RecordedObservation) -> Option<Observation> {
    let bytes = shared.gatekeeper.store().blob(&known.facts.envelope).ok()?;
    Observation::read(&Envelope::decode(&bytes).ok()?).ok()
}
