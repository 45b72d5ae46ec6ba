//! What can happen to releases, as facts. Plans, bundles, requests and reports are blobs.

use evidence::report::{ReleaseOutcome, Running};
use evidence::{CommitId, Digest, Name};
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, RunId};
use crate::place::Place;

/// An artifact is wanted at a place: its plan is to be derived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The place.
    pub place: Place,
    /// The artifact.
    pub artifact: Digest,
    /// The run that built it.
    pub run: RunId,
}

/// A release was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// The run that built it.
    pub run: RunId,
    /// Digest of the deployment plan, a blob.
    pub plan: Digest,
    /// Digest of the provenance's envelope, a blob.
    pub provenance: Digest,
    /// Number of the environment statement whose configuration is in the plan.
    pub statement: u64,
    /// Artifact that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// Commit after which the range of changes begins.
    pub base: CommitId,
}

impl Proposed {
    /// The same as something that is wanted.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted { place: self.place.clone(), artifact: self.artifact, run: self.run }
    }
}

/// No plan could be derived for a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unplannable {
    /// The place.
    pub place: Place,
    /// The artifact.
    pub artifact: Digest,
    /// Stable name of the reason.
    pub code: String,
}

/// A person asked for a release to go ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promoted {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Who.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}

/// A release is due at the place's agent: the bundle is its whole plan and evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseDue {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Digest of the evidence bundle, a blob.
    pub bundle: Digest,
}

/// A release is held: its gate did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
}

/// An agent reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// The agent.
    pub agent: Name,
    /// What came of it.
    pub outcome: ReleaseOutcome,
    /// What runs after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Codes of the agent's reasons.
    pub reasons: Vec<String>,
    /// Highest number that the agent has seen, where that is above all that the ledger knows of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
    /// Digest of the report's envelope, a blob.
    pub envelope: Digest,
}

/// A person asked for a return to what ran before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequested {
    /// The place.
    pub place: Place,
    /// Number of the return, given like a release's.
    pub release: u64,
    /// Artifact to return to.
    pub artifact: Digest,
    /// Who.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
    /// The artifact that is rolled back: once the rollback is done, nothing proposes it here by itself. Absent in
    /// rollbacks that older programs asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// What it goes from and to, and what ends with it. Absent in rollbacks that older programs asked for: those end
    /// nothing, and go back by one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
}

/// The way of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The run that built what comes back.
    pub run: RunId,
    /// Number of the environment statement under which that was planned, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<u64>,
    /// Number of the release that is rolled back.
    pub from_release: u64,
    /// Its commit.
    pub from_commit: CommitId,
    /// Number of the release that stood open or was under way, and ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<u64>,
}
