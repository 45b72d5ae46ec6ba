//! The rollout in force, as an agent remembers it.
//!
//! Invariant: it is written before each action, so an agent that was killed does the same action again. The release that runs is
//! the old one until the rollout has ended.

use evidence::observations::RolloutEnd;
use evidence::{Digest, Moment};
use judge::rollout::Progress;
use serde::{Deserialize, Serialize};

use crate::secrets::HeldSecrets;

/// The rollout in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutMemory<R> {
    /// Number of the release.
    pub release: u64,
    /// Digest of its plan.
    pub plan: Digest,
    /// The new release.
    pub new: R,
    /// The secrets of its processes.
    pub secrets: HeldSecrets,
    /// How far it is.
    pub progress: Progress,
    /// Steps and the end that were observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<Observed>,
    /// Why it is undone, if no number stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Time at which the last order that counted was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Moment>,
}

/// A step that was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// The step, counted from 0.
    pub step: u32,
    /// The end, if the rollout ended with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RolloutEnd>,
}

/// Why a rollout is undone that no number stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// Code for the report.
    pub code: String,
    /// The reason, in words.
    pub what: String,
}
