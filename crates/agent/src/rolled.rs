//! The part of a rollout that ends with its agent: counts, and why a step stays in force.
//!
//! Invariant: nothing here decides after a restart; the memory does.

use std::sync::Arc;

use evidence::bundle::Bundle;
use judge::FreshCheckpoint;
use judge::rollout::{Hold, StepEvidence};
use wire::RolloutNow;

use crate::answers::Answers;
use crate::counting::Counting;
use crate::steady::SteadyTime;

/// The part of a rollout that an agent does not remember.
#[derive(Debug, Default)]
pub struct Rolling {
    pub counting: Counting,
    /// Its time.
    pub time: SteadyTime,
    /// Whether the step in force was arranged since the agent began.
    pub is_arranged: bool,
    /// Why the step stays in force.
    pub hold: Option<Hold>,
    /// Why the next step may not begin.
    pub refused: Option<String>,
    /// Answers to the queries of its plan.
    pub answers: Answers,
    /// The evidence of the last tick.
    pub evidence: Option<StepEvidence>,
    /// The rollout as people are told about it.
    pub told: Option<Arc<RolloutNow>>,
}

/// The evidence by which a wider step is judged.
#[derive(Debug)]
pub struct Widening {
    /// The evidence of the release.
    pub bundle: Arc<Bundle>,
    /// A newer checkpoint than its own.
    pub fresh: Option<FreshCheckpoint>,
}
