//! An agent's memory of a preview: its statement, its end, and how far its removal is.
//!
//! Invariant: the end is written before anything is removed, with the numbers of what is there. So a crash at any step leaves
//! either a preview that runs, or one whose removal goes on and is reported with the same numbers.

use evidence::observations::RemovedBecause;
use evidence::{Moment, Name};
use serde::{Deserialize, Serialize};

/// A preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewMemory {
    /// Environment of its template.
    pub template: Name,
    /// Lowest number of the template under which a release may still come.
    pub least: u64,
    /// Number of its newest statement.
    pub number: u64,
    /// Its slot.
    pub slot: u32,
    /// Its end.
    pub until: Moment,
    /// Its removal, once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<RemovalMemory>,
}

/// A removal that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalMemory {
    /// Why it ends.
    pub because: RemovedBecause,
    /// Number of files that it left.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the observation of the removal is in the outbox, or was sent.
    pub is_observed: bool,
}

/// A preview that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedPreview {
    /// Number of its statement. An older one, or this one, makes it no more.
    pub number: u64,
    /// Its end: later nobody could make it of that statement anyway.
    pub until: Moment,
}
