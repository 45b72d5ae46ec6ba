//! Events of releases, as facts.
//!
//! Invariant: facts hold ids, digests, numbers and codes. Plans, bundles, requests and reports are blobs.

use evidence::report::{ReleaseOutcome, Running};
use evidence::request::AdvanceDo;
use evidence::{CommitId, Digest, Name};
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, RunId};
use evidence::Place;

/// An artifact is wanted at a place. Its plan is derived next.
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
    /// Number of the environment statement whose configuration the plan contains.
    pub statement: u64,
    /// Artifact that the release replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// Commit after which the range of changes begins.
    pub base: CommitId,
}

impl Proposed {
    /// The same artifact and place as a wanted artifact.
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
    /// Stable code of the reason.
    pub code: String,
}

/// A person let a release go ahead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promoted {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// The person who asked.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}

/// A release is due at the place's agent. The bundle holds its plan and all evidence.
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

/// A release is held because its gate did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
}

/// An agent reported a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// The agent.
    pub agent: Name,
    /// Outcome of the release.
    pub outcome: ReleaseOutcome,
    /// Artifact and commit that run afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Codes of the agent's reasons.
    pub reasons: Vec<String>,
    /// Highest release number that the agent has seen, if it is above the highest one in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
    /// Digest of the report's envelope, a blob.
    pub envelope: Digest,
    /// Its part in a release of several agents, if the release or rollback has not ended with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// A report of one agent of several that does not end its release or rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// It goes on to these agents.
    Next(Vec<Name>),
    /// The release ended at another agent, and this one no longer has it.
    Retreated,
}

/// A person asked for a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequested {
    /// The place.
    pub place: Place,
    /// Number of the rollback, drawn from the same sequence as release numbers.
    pub release: u64,
    /// Artifact that comes back.
    pub artifact: Digest,
    /// The person who asked.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
    /// The artifact that is rolled back. Once the rollback is done, the flow does not propose it here again. Absent in
    /// rollbacks of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// Origin and target of the rollback, and the release that ends with it. Absent in rollbacks of older programs:
    /// those end nothing and go back by one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// The proof of a rollback that its agent carried out before the server heard of it. Absent for every other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
}

/// The proof of a rollback that was brought to its agent by hand while the server was away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// Digest of the envelope of the agent's report, a blob.
    pub report: Digest,
    /// Digest of the envelope of the person's enrolment, a blob.
    pub enrolment: Digest,
}

/// Origin and target of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The run that built the artifact that comes back.
    pub run: RunId,
    /// Number of the environment statement under which that artifact was planned, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<u64>,
    /// Number of the release that is rolled back.
    pub from_release: u64,
    /// Commit of the release that is rolled back.
    pub from_commit: CommitId,
    /// Number of the pending release, or of the release under way, that ends with the rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<u64>,
}

/// A person asked for something about a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceRequested {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Digest of its plan.
    pub plan: Digest,
    /// The step that begins, or that is paused or goes on, counted from 1.
    pub step: u8,
    /// The order; absent if the step begins.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "do")]
    pub order: Option<AdvanceDo>,
    /// The person who asked.
    pub person: PersonId,
    /// Digest of the signed request's envelope, a blob.
    pub request: Digest,
}
