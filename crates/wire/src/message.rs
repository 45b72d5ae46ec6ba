//! Messages of the API. Signed statements are nested as the envelopes that their signers made.

use std::collections::BTreeMap;

use domain::build::Due;
use domain::{PersonId, Reason, RunId};
use evidence::Place;
use evidence::dsse::Envelope;
use evidence::enrolment::Grant;
use evidence::entry::{Actor, Auth};
use evidence::rollback_order::RollbackOrder;
use evidence::status::Freeze;
use evidence::trust_root::Mode;
use evidence::{Bytes, CommitId, Digest, Id, Moment, Name};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::named::{FreezeView, NamedPerson, WitnessesView};
use crate::service::ServiceView;
use crate::statement::StatementView;
use crate::states::{LastOutcome, ReleaseKind, ReleaseStage, RunState, WorkKind, WorkState};

/// A person's command: the signed request, and the statements that it names by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The signed request.
    pub request: Envelope,
    /// Signed statements that the request names by the digest of their payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Envelope>,
    /// Bytes that the request or a statement names by their digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Bytes>,
    /// For a run: the path at which runners on this machine find the repository. The repository only transports objects,
    /// which are checked against their ids, so the path is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// The message of a machine: its signed receipt or report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedStatement {
    /// The statement.
    pub statement: Envelope,
}

/// A selection of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFilter {
    /// Only runs of this project.
    #[serde(default)]
    pub project: Option<Name>,
    /// Only runs of this commit.
    #[serde(default)]
    pub commit: Option<CommitId>,
    /// Only runs whose id begins with these digits.
    #[serde(default)]
    pub begins: String,
    /// Most runs, the newest first; 50 if absent, and at most [`RUNS_MAX`].
    #[serde(default)]
    pub limit: Option<u16>,
}

/// Highest number of runs in one answer.
pub const RUNS_MAX: u16 = 500;

impl RunFilter {
    /// The selection as the query of a URL.
    #[must_use]
    pub fn query(&self) -> String {
        let project = self.project.iter().map(|project| format!("project={project}"));
        let commit = self.commit.iter().map(|commit| format!("commit={commit}"));
        let begins = (!self.begins.is_empty()).then(|| format!("begins={}", self.begins));
        let limit = self.limit.map(|limit| format!("limit={limit}"));
        let all: Vec<_> = project.chain(commit).chain(begins).chain(limit).collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }
}

/// The identity of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntroductionAnswer {
    /// Trust roots from version 1 on; the newest names the ledger's key.
    pub roots: Vec<Envelope>,
    /// The introduction, signed by the ledger's key (`docs/formats/introduction.md`).
    pub introduction: Envelope,
    /// The challenge that a request for a session has to name.
    pub challenge: String,
}

/// A session, which gives a person the right to read for some time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The secret token of the session.
    pub token: String,
    /// End of the session.
    pub expires: Moment,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Work that is due on a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerWork {
    /// The plan.
    pub due: Due,
    /// Path of the repository.
    pub repository: Option<String>,
}

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
    },
    /// A rollback, with its order.
    Rollback(Box<RollbackOrder>),
}

/// A run as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// The run.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// How far it has come.
    pub state: RunState,
    /// Work of the run, in order.
    pub works: Vec<WorkView>,
    /// Artifacts: name and digest.
    pub artifacts: BTreeMap<String, Digest>,
    /// Services that use an artifact of the run.
    pub services: Vec<String>,
    /// The person who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<NamedPerson>,
    /// Number of the run's first entry.
    #[serde(default)]
    pub entry: u64,
    /// Its own releases, and releases by other runs of the same artifact.
    #[serde(default)]
    pub releases: Vec<ReleaseView>,
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

/// Some work of a run on one runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkView {
    /// Step, artifact or approval node.
    pub kind: WorkKind,
    /// Its name.
    pub name: String,
    /// The runner; `None` for an approval node.
    pub runner: Option<Name>,
    /// How far it has come.
    pub state: WorkState,
    /// Digest of the log, once it has ended.
    pub log: Option<Digest>,
    /// Whether the runner reports the work as running. This is not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
}

/// The current view of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// The place.
    pub place: Place,
    /// Environment that comes before this one.
    pub after: Option<Name>,
    /// Whether releases start automatically.
    pub automatic: bool,
    /// Number of the environment statement.
    pub statement: u64,
    /// Digest of its envelope, a blob.
    pub envelope: Digest,
    /// The running release.
    pub running: Option<RunningReleaseView>,
    /// The release that ran before.
    pub before: Option<RunningReleaseView>,
    /// Earlier releases that a rollback can return to, the latest first.
    #[serde(default)]
    pub earlier: Vec<RunningReleaseView>,
    /// Commit after which the range of a new release begins.
    pub base: CommitId,
    /// The pending release.
    pub open: Option<PendingReleaseView>,
    /// Whether a plan remains to be derived.
    pub wanted: bool,
    /// The latest recorded verdict or report.
    pub last: Option<LastOutcomeView>,
    /// The newest releases and rollbacks there, the latest first.
    #[serde(default)]
    pub releases: Vec<ReleaseView>,
    /// Number of a rollback that the agent has not reported yet.
    #[serde(default)]
    pub rollback: Option<u64>,
    /// Artifacts that people rolled back there and nobody has released again.
    #[serde(default)]
    pub rolled_back: Vec<RollbackView>,
    /// Whether the current status freezes the place.
    #[serde(default)]
    pub frozen: bool,
    /// Its agents.
    #[serde(default)]
    pub agents: Vec<MachineView>,
    /// State of the service, as its agent reports it; `None` if the agent has not reported recently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceView>,
    /// Checks of the running release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
    /// Statements of people whose scope covers the place: those in force first, then the newest that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementView>,
}

/// A check of a running release on one runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Name of the check.
    pub name: Name,
    /// The runner.
    pub runner: Name,
    /// Its state.
    pub state: WorkState,
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

/// A machine, as far as the server heard from it. This is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineView {
    /// Its name.
    pub name: Name,
    /// Seconds since its last request for work; since the server's start if there was none.
    pub silent_seconds: u64,
    /// Whether it was given work and has not asked for more since.
    pub at_work: bool,
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

/// The outcome of a command. It is durable when this is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutcome {
    /// Whether the command was accepted.
    pub accepted: bool,
    /// Number of the first entry that records it.
    pub entry: u64,
    /// Size of the ledger after it, if it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether the command was recorded before and this is the recorded outcome.
    pub repeated: bool,
    /// Reasons, if it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// The installation as the server sees it. A client trusts none of it and uses its own pins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Id of the installation.
    pub installation: Id,
    /// Version of the current trust root.
    pub root_version: u32,
    /// Digest of the current trust root.
    pub root: Digest,
    /// Mode of the current trust root.
    pub mode: Mode,
    /// Origin of the ledger.
    pub origin: String,
    /// Number of entries.
    pub entries: u64,
    /// Size of the snapshot from which this server started; 0 if none was used.
    pub snapshot: u64,
    /// Entries that did not fit the state; 0 in a sound ledger.
    pub misfits: u64,
    /// The current status.
    pub status: Option<StatusView>,
    /// The enrolled people.
    pub people: Vec<PersonView>,
    /// End of the current trust root.
    #[serde(default)]
    pub root_expires: Option<Moment>,
    /// Freezes of the current status.
    #[serde(default)]
    pub frozen: Vec<Freeze>,
    /// The same, with the person and time of each freeze's beginning.
    #[serde(default)]
    pub freezes: Vec<FreezeView>,
    /// Digests that the status bars from running anywhere.
    #[serde(default)]
    pub barred: Vec<Digest>,
    /// The runners.
    #[serde(default)]
    pub runners: Vec<MachineView>,
    /// The witnesses of the current trust root.
    #[serde(default)]
    pub witnesses: Option<WitnessesView>,
}

/// The current status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Its number.
    pub number: u64,
    /// When it expires.
    pub expires: Moment,
    /// Digest of the status file.
    pub file: Digest,
}

/// An enrolled person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Id of the person.
    pub person: PersonId,
    /// Name of the person, as registrars signed it.
    #[serde(default)]
    pub name: Option<String>,
    /// Roles, in words.
    pub roles: Vec<Name>,
    /// The same with the project and environment to which each is bound.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Fingerprints of the person's keys.
    pub keys: Vec<String>,
    /// When the enrolment expires.
    pub expires: Moment,
    /// Digest of the enrolment.
    pub enrolment: Digest,
}

/// One entry, for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its number.
    pub entry: u64,
    /// Kind of the event.
    pub kind: String,
    /// Time of the entry.
    pub time: Moment,
    /// The actor who caused it.
    pub actor: Actor,
    /// How the actor was authenticated.
    pub auth: Auth,
    /// The entry that this one follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The facts.
    pub facts: Value,
    /// The particulars; `None` if the entry has none or they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particulars: Option<Value>,
}
