//! A link of the chain of an agent's reports and observations, and the bar of an artifact that failed its judgement.

use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

/// A report or observation, as the next one names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its number.
    pub sequence: u64,
    /// Digest of its payload.
    pub digest: Digest,
}

/// Why an artifact must not come again here, until a person lifts that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Barred {
    /// Number of the release that failed its judgement.
    pub release: u64,
    /// Digest of the payload of the observation that says so.
    pub observation: Digest,
    /// When that was, by this agent's clock.
    pub at: Moment,
    /// The judgement in a few words.
    pub why: String,
}
