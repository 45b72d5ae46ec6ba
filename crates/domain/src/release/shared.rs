//! The notes about a release that goes to several agents of a place.

use evidence::{Digest, Name};
use serde::{Deserialize, Serialize};

/// An agent's report that a release runs, while the release still goes on to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The agent.
    pub agent: Name,
    /// Digest of the report's envelope, a blob.
    pub report: Digest,
    /// Number of its entry.
    pub entry: u64,
}

/// A release that did not work at one agent of a place, while others have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retreat {
    /// Number of the release.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// The agent where it did not work.
    pub from: Name,
    /// Digest of the envelope of that agent's report, a blob.
    pub report: Digest,
    /// Agents that have the release and have not reported since.
    pub agents: Vec<Name>,
}
