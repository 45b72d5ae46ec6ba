//! How places differ from what was declared for them, as their agents observed it last.

use evidence::observations::{Difference, DriftFinding};
use evidence::{Digest, Moment, Name};
use serde::{Deserialize, Serialize};

/// The drift that one agent observed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDriftView {
    /// The agent.
    pub agent: Name,
    /// When it observed that, by its clock.
    pub time: Moment,
    /// Number of the ledger entry.
    pub entry: u64,
    /// Whether it applies no release until the drift is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// The differences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<DriftFinding>,
    /// Number of those beyond the bound.
    #[serde(default)]
    pub more: u64,
}

/// The measurement of one agent's host that it observed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentBaselineView {
    /// The agent.
    pub agent: Name,
    /// When it measured, by its clock.
    pub time: Moment,
    /// Number of the ledger entry.
    pub entry: u64,
    /// Digest of the baseline.
    pub baseline: Digest,
    /// Whether everything was measured and nothing differs.
    pub equal: bool,
    /// The differences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Number of those beyond the bound.
    #[serde(default)]
    pub more: u64,
}
