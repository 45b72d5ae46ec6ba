//! Messages of the API. What is signed is nested as the envelope that its signer made.

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

/// Largest body that either side reads, in bytes.
pub const BODY_BYTES_MAX: usize = 18 * 1024 * 1024;

/// A person's command: the signed request, and the statements that it names by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The request.
    pub request: Envelope,
    /// Signed statements that the request names by the digest of their payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Envelope>,
    /// Bytes that the request or a statement names by their digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Bytes>,
    /// For a run: where runners on this machine find the repository. It only carries objects, which are
    /// checked against their ids, so it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// What a machine sends: its signed receipt or report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The statement.
    pub statement: Envelope,
}

/// Which runs are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsAsked {
    /// Of this project alone.
    #[serde(default)]
    pub project: Option<Name>,
    /// Of this commit alone.
    #[serde(default)]
    pub commit: Option<CommitId>,
    /// Digits that their ids begin with.
    #[serde(default)]
    pub begins: String,
}

impl RunsAsked {
    /// As the query of a URL.
    #[must_use]
    pub fn query(&self) -> String {
        let project = self.project.iter().map(|project| format!("project={project}"));
        let commit = self.commit.iter().map(|commit| format!("commit={commit}"));
        let begins = (!self.begins.is_empty()).then(|| format!("begins={}", self.begins));
        let all: Vec<_> = project.chain(commit).chain(begins).collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }
}

/// How a server shows who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduced {
    /// Trust roots from version 1 on; the newest names the ledger's key.
    pub roots: Vec<Envelope>,
    /// The introduction that this key signed (`docs/formats/introduction.md`).
    pub introduction: Envelope,
    /// What a request for a session has to name.
    pub challenge: String,
}

/// A session, by which a person reads for a while.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The secret that is worth reading.
    pub token: String,
    /// When it ends.
    pub expires: Moment,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// What is due on a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerWork {
    /// The plan.
    pub due: Due,
    /// Where the repository is.
    pub repository: Option<String>,
}

/// What is due at an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentWork {
    /// A release.
    Release {
        /// Digest of its evidence bundle.
        bundle: Digest,
        /// Its number, for a report when the bundle cannot even be read.
        release: u64,
        /// Its artifact, for the same.
        artifact: Digest,
    },
    /// A return: the order itself.
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
    /// `running`, `passed`, `failed`, `differed`, `cancelled`, `lost`.
    pub state: String,
    /// What is or was done, in order.
    pub works: Vec<WorkView>,
    /// Artifacts: name and digest.
    pub artifacts: BTreeMap<String, Digest>,
    /// Services whose artifact it makes.
    pub services: Vec<String>,
    /// The person who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<NamedPerson>,
    /// Number of the entry with which it began.
    #[serde(default)]
    pub entry: u64,
    /// What was released of it: its own releases, and those of other runs that made the same artifact.
    #[serde(default)]
    pub releases: Vec<ReleaseView>,
}

/// A release or rollback at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseView {
    /// The place.
    pub place: Place,
    /// `release` or `rollback`.
    pub kind: String,
    /// Its number, once it has one.
    pub release: Option<u64>,
    /// The run whose artifact it is.
    pub run: RunId,
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// `wanted`, `proposed`, `judging`, `held`, `due`; or how it ended: `running`, `returned`, `failed`, `refused`,
    /// `unplannable`, `superseded`, `rolled-back`.
    pub stage: String,
    /// The last verdict or report: `pass`, `fail`, `undecided`, `running`, `returned`, `failed`, `refused`.
    pub outcome: Option<String>,
    /// Codes of the reasons against it.
    pub reasons: Vec<String>,
    /// Digest of the verdict or report in full.
    pub detail: Option<Digest>,
    /// Digest of its bundle, once a gate has judged it.
    pub bundle: Option<Digest>,
    /// Number of the entry with which it began.
    pub began: u64,
    /// Number of the entry that last changed it.
    pub entry: u64,
    /// Time of that entry.
    pub time: Moment,
    /// The run that took its place, where one did.
    pub by: Option<RunId>,
    /// The rollback that ended it, where one did.
    #[serde(default)]
    pub by_rollback: Option<u64>,
    /// Whether it ran and runs no more: something else does, or nothing.
    #[serde(default)]
    pub replaced: bool,
}

/// Some work of a run on one runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkView {
    /// `step` or `artifact`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The runner; absent for an approval node.
    pub runner: Option<Name>,
    /// `due`, `passed`, `failed`, `given-up` (the runner says so), `lost` (the server does); for an approval node how
    /// many agreed.
    pub state: String,
    /// Digest of the log, once it has ended.
    pub log: Option<Digest>,
    /// Whether the runner says that it is at it. Nothing of this is on record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// The place.
    pub place: Place,
    /// Environment that comes before.
    pub after: Option<Name>,
    /// Whether releases begin by themselves.
    pub automatic: bool,
    /// Number of the environment statement.
    pub statement: u64,
    /// Digest of its envelope, a blob.
    pub envelope: Digest,
    /// What runs there.
    pub running: Option<RunningView>,
    /// What ran before that.
    pub before: Option<RunningView>,
    /// What ran before that, the latest first, as far as a rollback can go back to it.
    #[serde(default)]
    pub earlier: Vec<RunningView>,
    /// Commit after which the range of a new release begins.
    pub base: CommitId,
    /// The release that stands open.
    pub open: Option<OpenView>,
    /// Whether a plan is still to be derived.
    pub wanted: bool,
    /// The last thing that happened there, in words of the ledger.
    pub last: Option<LastView>,
    /// The newest releases and rollbacks there, the latest first.
    #[serde(default)]
    pub releases: Vec<ReleaseView>,
    /// Number of a rollback that the agent has not reported yet.
    #[serde(default)]
    pub rollback: Option<u64>,
    /// What people rolled back there, and nobody has asked for again.
    #[serde(default)]
    pub rolled_back: Vec<RolledBackView>,
    /// Whether the status in force freezes it.
    #[serde(default)]
    pub frozen: bool,
    /// Its agents.
    #[serde(default)]
    pub agents: Vec<MachineView>,
    /// How the service is, as its agent says; absent when the agent has said nothing lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceView>,
}

/// An artifact that a person rolled back at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBackView {
    /// The artifact.
    pub artifact: Digest,
    /// Its commit.
    pub commit: CommitId,
    /// Number of the release that had brought it.
    pub release: u64,
    /// Number of the rollback.
    pub by: u64,
    /// Who asked for that.
    pub person: PersonId,
    /// Their name.
    #[serde(default)]
    pub name: Option<String>,
    /// Why, in their signed words, where they said.
    #[serde(default)]
    pub reason: Option<String>,
    /// When its agent reported it done.
    #[serde(default)]
    pub time: Option<Moment>,
}

/// A machine, as far as the server hears of it. Nothing of this is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineView {
    /// Its name.
    pub name: Name,
    /// For how many seconds it has not asked for work; since the server's start, when it never did.
    pub silent_seconds: u64,
    /// Whether it was given work and has not come back for more.
    pub at_work: bool,
}

/// What runs at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningView {
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// Number of the release.
    pub release: u64,
    /// The run that built it.
    pub run: RunId,
    /// Number of the environment statement under which it was planned, where that is known.
    #[serde(default)]
    pub statement: Option<u64>,
    /// Since when.
    #[serde(default)]
    pub since: Option<Moment>,
}

/// A release that stands open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenView {
    /// Its number.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// `proposed`, `judging`, `held`, `due`.
    pub stage: String,
    /// How many people approved, and their approvals have not expired.
    pub approvals: usize,
    /// How many people rejected it.
    #[serde(default)]
    pub rejections: usize,
    /// When the first of the approvals expires.
    #[serde(default)]
    pub approvals_expire: Option<Moment>,
}

/// The last verdict or report at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastView {
    /// Number of the entry.
    pub entry: u64,
    /// Number of the release.
    pub release: u64,
    /// `pass`, `fail`, `undecided`, `running`, `returned`, `failed`, `refused`, `unplannable`.
    pub outcome: String,
    /// Codes of the reasons.
    pub reasons: Vec<String>,
    /// Digest of the verdict or report in full.
    pub detail: Option<Digest>,
    /// Digest of the bundle, for verdicts.
    pub bundle: Option<Digest>,
}

/// What became of a command. It is durable when this is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutcome {
    /// Whether the command was decided for.
    pub accepted: bool,
    /// Number of the first entry that records it.
    pub entry: u64,
    /// Size of the ledger after it, when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether it had been recorded before and this is the recorded answer.
    pub repeated: bool,
    /// Reasons, when it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// The installation as the server sees it. A client believes none of it: it has pins of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Id of the installation.
    pub installation: Id,
    /// Version of the trust root in force.
    pub root_version: u32,
    /// Digest of the trust root in force.
    pub root: Digest,
    /// Mode of the trust root in force.
    pub mode: Mode,
    /// Origin of the ledger.
    pub origin: String,
    /// Number of entries.
    pub entries: u64,
    /// Size of the snapshot from which this server started; 0 when there was none.
    pub snapshot: u64,
    /// Entries that did not fit the state; 0 in a sound ledger.
    pub misfits: u64,
    /// The status in force.
    pub status: Option<StatusView>,
    /// Who is enrolled now.
    pub people: Vec<PersonView>,
    /// When the trust root in force ends.
    #[serde(default)]
    pub root_expires: Option<Moment>,
    /// What the status in force freezes.
    #[serde(default)]
    pub frozen: Vec<Freeze>,
    /// The same with who began each freeze and when.
    #[serde(default)]
    pub freezes: Vec<FreezeView>,
    /// Digests that it bars from running anywhere.
    #[serde(default)]
    pub barred: Vec<Digest>,
    /// The runners.
    #[serde(default)]
    pub runners: Vec<MachineView>,
    /// The witnesses that the trust root in force names.
    #[serde(default)]
    pub witnesses: Option<WitnessesView>,
}

/// The status in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Its number.
    pub number: u64,
    /// When it ends.
    pub expires: Moment,
    /// Digest of the status file.
    pub file: Digest,
}

/// A person who is enrolled now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Id of the person.
    pub person: PersonId,
    /// Their name, as registrars signed it.
    #[serde(default)]
    pub name: Option<String>,
    /// Roles, in words.
    pub roles: Vec<Name>,
    /// The same with the project and environment to which each is bound.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Fingerprints of the person's keys.
    pub keys: Vec<String>,
    /// When the enrolment ends.
    pub expires: Moment,
    /// Digest of the enrolment.
    pub enrolment: Digest,
}

/// One entry, for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its number.
    pub entry: u64,
    /// What happened.
    pub kind: String,
    /// When.
    pub time: Moment,
    /// Who caused it.
    pub actor: Actor,
    /// How they were authenticated.
    pub auth: Auth,
    /// What followed from what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The facts.
    pub facts: Value,
    /// The particulars, unless there are none or they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particulars: Option<Value>,
}
