//! Releases and rollbacks, the last outcome of each, and the work that is due for them at agents.

use domain::{PersonId, RunId};
use evidence::advance_order::AdvanceOrder;
use evidence::dsse::Envelope;
use evidence::observations::VerdictOfStep;
use evidence::request::AdvanceDo;
use evidence::retreat_order::RetreatOrder;
use evidence::rollback_order::RollbackOrder;
use evidence::{CommitId, Digest, Moment, Place};
use serde::{Deserialize, Serialize};

use crate::named::NamedPerson;
use crate::states::{LastOutcome, ReleaseKind, ReleaseStage};

/// Work that is due at an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentWork {
    /// A release.
    Release {
        /// Digest of its evidence bundle.
        bundle: Digest,
        /// Number of the release, for a report if the bundle cannot be decoded.
        release: u64,
        /// Artifact of the release, for the same report.
        artifact: Digest,
        /// A person's newest order about the rollout of the release. The agent judges it, and does it once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        advance: Option<Box<AdvanceOrder>>,
        /// Reports of the agents before this one that the release runs there. The agent verifies them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ahead: Vec<Envelope>,
        /// The environment statement in force, if it came after the release was due: agents that it does not name have no turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        statement: Option<Box<Envelope>>,
    },
    /// A rollback, with its order.
    Rollback(Box<RollbackOrder>),
    /// A release that did not work at another agent of the place: this one goes back.
    Retreat(Box<RetreatOrder>),
}

/// A release or rollback at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseView {
    /// The place.
    pub place: Place,
    /// Release or rollback.
    pub kind: ReleaseKind,
    /// Its number, once it has one.
    pub release: Option<u64>,
    /// The run that built the artifact.
    pub run: RunId,
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// How far it has come, or how it ended.
    pub stage: ReleaseStage,
    /// The last verdict or report.
    pub outcome: Option<LastOutcome>,
    /// Codes of the reasons against it.
    pub reasons: Vec<String>,
    /// Codes of what the policy warned of without stopping it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Digest of the full verdict or report.
    pub detail: Option<Digest>,
    /// Digest of its bundle, once a gate has judged it.
    pub bundle: Option<Digest>,
    /// Number of its first entry.
    pub began: u64,
    /// Number of the entry that last changed it.
    pub entry: u64,
    /// Time of that entry.
    pub time: Moment,
    /// The run that replaced it, if any.
    pub by: Option<RunId>,
    /// The rollback that ended it, if any.
    #[serde(default)]
    pub by_rollback: Option<u64>,
    /// Whether it ran and no longer runs.
    #[serde(default)]
    pub replaced: bool,
}

/// An artifact that a person rolled back at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackView {
    /// The artifact.
    pub artifact: Digest,
    /// Its commit.
    pub commit: CommitId,
    /// Number of the release that had brought it.
    pub release: u64,
    /// Number of the rollback.
    pub by: u64,
    /// The person who asked for the rollback.
    pub person: PersonId,
    /// Name of that person.
    #[serde(default)]
    pub name: Option<String>,
    /// The signed reason, if one was given.
    #[serde(default)]
    pub reason: Option<String>,
    /// Time at which the agent reported the rollback as done.
    #[serde(default)]
    pub time: Option<Moment>,
}

/// A running release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningReleaseView {
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// Number of the release.
    pub release: u64,
    /// The run that built it.
    pub run: RunId,
    /// Number of the environment statement under which it was planned, if known.
    #[serde(default)]
    pub statement: Option<u64>,
    /// Time from which it runs.
    #[serde(default)]
    pub since: Option<Moment>,
}

/// A pending release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReleaseView {
    /// Its number.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// How far it has come: proposed, judging, held or due.
    pub stage: ReleaseStage,
    /// Number of people whose approvals are valid.
    pub approvals: usize,
    /// Number of people who rejected it.
    #[serde(default)]
    pub rejections: usize,
    /// Time at which the first approval expires.
    #[serde(default)]
    pub approvals_expire: Option<Moment>,
    /// How far its rollout is, if it has one and the agent has observed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutView>,
    /// The newest order of a person about its rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderView>,
}

/// An order of a person about the rollout of a release under way, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderView {
    /// Number of its entry.
    pub entry: u64,
    /// Digest of the envelope of the signed request, a blob.
    pub request: Digest,
    /// The step that it names, counted from 1.
    pub step: u8,
    /// The order; absent if the step begins.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "do")]
    pub order: Option<AdvanceDo>,
    /// The person who gave it.
    pub by: NamedPerson,
}

/// How far a rollout is, as its agent observed it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutView {
    /// The step in force, counted from 1.
    pub step: u32,
    /// Share of the requests in percent.
    pub percent: u8,
    /// When the step began, by the agent's clock.
    pub began: Moment,
    /// The verdict about it.
    pub verdict: VerdictOfStep,
    /// The reasons, with their numbers.
    pub reasons: Vec<String>,
    /// Number of the entry with the observation.
    pub entry: u64,
}

/// The last verdict or report at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastOutcomeView {
    /// Number of the entry.
    pub entry: u64,
    /// Number of the release.
    pub release: u64,
    /// The verdict or report.
    pub outcome: LastOutcome,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
    /// Digest of the full verdict or report.
    pub detail: Option<Digest>,
    /// Digest of the bundle, for verdicts.
    pub bundle: Option<Digest>,
}
