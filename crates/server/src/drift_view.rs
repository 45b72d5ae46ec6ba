//! How a place differs from what was declared for it, as each of its agents observed it last.
//!
//! Invariant: an observation that cannot be read is shown as a difference, because nobody knows what it says; the ledger still has
//! its facts.

use domain::State;
use domain::observation::{Observed, RecordedObservation};
use evidence::dsse::Envelope;
use evidence::observations::{
    Body, Difference, DriftDone, DriftFinding, DriftSeen, Drifted, Observation, ObservationKind,
};
use evidence::{Moment, Name, Place};
use judge::Store as _;
use tracing::warn;
use wire::{AgentBaselineView, AgentDriftView};

use crate::shared::Shared;

/// Drift and measured baseline of each agent of a place that has observed them.
pub fn of(shared: &Shared, state: &State, at: &Place) -> (Vec<AgentDriftView>, Vec<AgentBaselineView>) {
    let (mut drift, mut baseline) = (Vec::new(), Vec::new());
    for known in state.observation.at(at).filter(|known| known.facts.about.is_none()) {
        let Observation { agent, time, body, .. } = match read(shared, known) {
            Ok(observation) => observation,
            Err(why) => {
                warn!("{why}");
                match known.facts.kind {
                    ObservationKind::Drift => drift.push(unread_drift(known, why.to_string())),
                    ObservationKind::Baseline => baseline.push(unread_baseline(known, why.to_string())),
                    _ => {}
                }
                continue;
            }
        };
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

/// A recorded observation.
///
/// # Errors
/// `ObservationUnread` with the cause.
pub fn read(shared: &Shared, known: &RecordedObservation) -> Result<Observation, ObservationUnread> {
    let failed =
        |error: &dyn std::fmt::Display| ObservationUnread { entry: known.entry, why: error.to_string() };
    let bytes = shared.gatekeeper.store().blob(&known.facts.envelope).map_err(|error| failed(&error))?;
    let envelope = Envelope::decode(&bytes).map_err(|error| failed(&error))?;
    Observation::read(&envelope).map_err(|error| failed(&error))
}

/// Why an observation cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("the observation of entry {entry} cannot be read: {why}; `countersign verify` checks the ledger")]
pub struct ObservationUnread {
    entry: u64,
    why: String,
}

/// The drift of an agent whose observation cannot be read. Nobody knows since when.
fn unread_drift(known: &RecordedObservation, why: String) -> AgentDriftView {
    let Observed { agent, holds, .. } = &known.facts;
    let Difference { what, name, declared, found } = unread(known, why);
    let (since, by) = (Moment::default(), "unknown".to_owned());
    let done = if *holds { DriftDone::Frozen } else { DriftDone::Alerted };
    let finding = DriftFinding { what, name, declared, found, since, by, done };
    let (agent, entry) = (agent.clone(), known.entry);
    AgentDriftView { agent, time: since, entry, frozen: *holds, findings: vec![finding], more: 0 }
}

/// The same for a baseline.
fn unread_baseline(known: &RecordedObservation, why: String) -> AgentBaselineView {
    AgentBaselineView {
        agent: known.facts.agent.clone(),
        time: Moment::default(),
        entry: known.entry,
        baseline: known.facts.observation,
        equal: false,
        differences: vec![unread(known, why)],
        more: 0,
    }
}

fn unread(known: &RecordedObservation, found: String) -> Difference {
    let name = format!("observation of agent {}", known.facts.agent);
    Difference { what: Drifted::Result, name, declared: "it can be read".to_owned(), found }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::Digest;

    use super::*;

    #[test]
    fn an_observation_that_cannot_be_read_is_no_place_without_drift() {
        let of = |kind, holds| RecordedObservation {
            facts: Observed {
                observation: Digest::of(b"payload"),
                kind,
                place: "shop/api/production".parse().unwrap(),
                agent: "agent".parse().unwrap(),
                sequence: 3,
                about: None,
                bars: false,
                holds,
                ends: None,
                envelope: Digest::of(b"envelope"),
            },
            entry: 41,
        };
        for holds in [false, true] {
            let view = unread_drift(&of(ObservationKind::Drift, holds), "it is missing".to_owned());
            assert_eq!((view.entry, view.frozen, view.findings.len()), (41, holds, 1));
            let finding = view.findings.first().unwrap();
            assert_eq!((finding.found.as_str(), finding.done == DriftDone::Frozen), ("it is missing", holds));
        }
        let view = unread_baseline(&of(ObservationKind::Baseline, false), "it is missing".to_owned());
        assert_eq!((view.equal, view.differences.len()), (false, 1));
    }
}
