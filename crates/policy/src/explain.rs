//! The rules of a policy, for people: its set `explain`.
//!
//! Invariant: this set decides nothing. Verdicts come from `deny` and `warn` alone, so a policy that describes itself
//! falsely misleads its reader, and lets nothing through.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Code of its reasons.
    pub code: String,
    /// Its effect in this place.
    pub effect: Effect,
    /// Fields of the input that it reads, such as `findings[].severity`.
    pub reads: BTreeSet<String>,
}

/// Effect of a rule in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Its reasons stop the release.
    Block,
    /// Its reasons are warnings.
    Warn,
    /// It has no effect.
    Off,
}

/// Why the rules of a policy are unknown.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ExplainError(pub(crate) String);
