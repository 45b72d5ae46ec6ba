//! The releases that ran before a release at a place with several agents, for as long as the release may fail at a later one.
//!
//! Invariant: it belongs to one release, and counts only while that release runs: after a rollback by a person it stays, without
//! effect.

use evidence::Digest;
use evidence::observations::About;
use serde::{Deserialize, Serialize};

/// The releases that an agent goes back to when its release fails at another agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "Known: Deserialize<'de>"))]
pub struct Undo<Known> {
    /// Number of the release that it would go back from.
    pub release: u64,
    /// Its artifact.
    pub artifact: Digest,
    /// Its plan.
    pub plan: Digest,
    /// The release that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Known>,
    /// The one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Known>,
    /// Earlier ones, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Known>,
    /// The release before it, if it was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Digest>,
}

impl<Known> Undo<Known> {
    /// The release that it would go back from.
    #[must_use]
    pub const fn about(&self) -> About {
        About { release: self.release, artifact: self.artifact, plan: self.plan }
    }

    /// The releases that have to stay on the disk for it.
    pub fn known(&self) -> impl Iterator<Item = &Known> {
        self.running.iter().chain(&self.before).chain(&self.earlier)
    }
}
