//! The record of one deployment as values: who, what, why, from where, with what, past which gates, in which steps.
//!
//! Invariant: `v` rises when a field changes its meaning; fields are only added. Its page: `docs/operating/record.md`.

use std::collections::BTreeSet;

use domain::RunId;
use domain::gate::GateOutcome;
use evidence::{CommitId, Digest, Moment, Name, Place};
use serde::Serialize;
use wire::{ReleaseKind, ReleaseStage};

use crate::explain::RuleVerdict;

/// The record of a release or rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Version of this format; 1.
    pub v: u8,
    /// The place.
    pub place: Place,
    /// Its number; absent before it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Release or rollback.
    pub kind: ReleaseKind,
    /// How far it has come, or how it ended.
    pub stage: ReleaseStage,
    /// Whether it runs now.
    pub current: bool,
    /// The same in one sentence.
    pub sentence: String,
    /// The people and the agent.
    pub who: Who,
    /// The thing that was deployed.
    pub what: What,
    /// Reasons that people signed, in the order of the steps.
    pub why: Vec<Why>,
    /// The source and the machines that built it.
    pub from: Source,
    /// Its components; absent if the policy reads no list of them, or there is no evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<Components>,
    /// The gate and other barriers; absent without evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
    /// Everything that happened, in order.
    pub steps: Vec<Step>,
    /// Where the proof is; absent without evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Why there is no evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// The people and the agent, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Authors of the commits that are new there, as the commits name them.
    pub authors: BTreeSet<String>,
    /// The enrolled person whose signature the commit has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The person who asked for the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// People whose approval counts.
    pub approvers: Vec<String>,
    /// The person who let it go ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoter: Option<String>,
    /// The person who asked for the rollback, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_by: Option<String>,
    /// The agent that reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Name>,
}

/// The thing that was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct What {
    /// The commit.
    pub commit: CommitId,
    /// First line of its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The commit after which the range of the change begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<CommitId>,
    /// Number of commits of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<usize>,
    /// Digest of the artifact's manifest.
    pub artifact: Digest,
    /// Digest of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Digest>,
    /// Digest of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The artifact that ran there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
}

/// A reason that a person signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The act: `approve`, `reject`, `rollback`, or the kind of a statement.
    pub act: String,
    /// The person.
    pub person: String,
    /// The reason.
    pub reason: String,
    /// Id of the change ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// End of the statement, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Whether it counts for the gate.
    pub counts: bool,
}

/// The source and the machines that built it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The project.
    pub project: Name,
    /// The run.
    pub run: RunId,
    /// Digest of the pipeline file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Digest>,
    /// Runners whose outputs are equal.
    pub runners: BTreeSet<Name>,
    /// Number of receipts.
    pub receipts: usize,
    /// Hosts that build steps reached, as HOST:PORT.
    pub network: BTreeSet<String>,
}

/// The components of the artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Components {
    /// Their number.
    pub count: usize,
    /// Package URLs with versions.
    pub list: Vec<String>,
}

/// The gate and other barriers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gates {
    /// Outcome of the gate.
    pub outcome: GateOutcome,
    /// Digest of the policy.
    pub policy: Digest,
    /// Number of the environment statement that names the policy.
    pub statement: u64,
    /// Moment as of which the evidence was judged.
    pub moment: Moment,
    /// Whether the policy lists its rules; otherwise `rules` has only those with something against the release.
    pub complete: bool,
    /// Rules of the policy, those that stop a release first.
    pub rules: Vec<RuleRecord>,
    /// Codes of reasons by rules that no policy switches off.
    pub besides: Vec<String>,
    /// Codes of reasons why nothing could be decided.
    pub unclear: Vec<String>,
    /// Sentences of the policy about what it looked at.
    pub checks: Vec<String>,
    /// Other barriers, in order.
    pub barriers: Vec<Barrier>,
}

/// A rule with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleRecord {
    /// Its code.
    pub code: String,
    /// Its verdict.
    pub verdict: RuleVerdict,
}

/// A barrier besides the policy: an approval node of the run, the environment before, a check there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Barrier {
    /// `approval-node`, `environment` or `check`.
    pub kind: String,
    /// Its name.
    pub name: Name,
    /// Whether it was passed.
    pub passed: bool,
    /// People or machines.
    pub by: BTreeSet<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Number of the ledger's entry.
    pub entry: u64,
    /// Time of the entry.
    pub time: Moment,
    /// Kind of the entry.
    pub kind: String,
    /// Its sentence.
    pub title: String,
    /// More about it; may be empty.
    pub detail: String,
    /// How it is known.
    pub known: Known,
}

/// How a step is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// The evidence proves that the entry is in the ledger.
    Proven,
    /// The agent's signature on its report was verified; the time is the server's word.
    Signed,
    /// The server says so; `countersign audit verify` checks it.
    Told,
}

/// Where the proof is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Digest of the evidence bundle; absent while the release is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// Number of the release whose evidence it is: for a rollback, the one that it brought back.
    pub release: u64,
    /// Origin of the ledger.
    pub origin: String,
    /// Number of entries at the checkpoint.
    pub entries: u64,
    /// Root hash at the checkpoint.
    pub root_hash: Digest,
    /// Witnesses that count.
    pub witnesses: usize,
    /// Whether a witness shares the server's host.
    pub same_machine: bool,
    /// The time that a quorum of witnesses vouches for.
    pub witnessed: Moment,
    /// Version of the trust root.
    pub trust_root: u32,
    /// Its digest.
    pub trust_root_digest: Digest,
    /// Number of the status.
    pub status: u64,
    /// The command that checks all of it again.
    pub verify: String,
}
