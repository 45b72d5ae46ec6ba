//! Submissions of people and machines, and the answer: signed statements as their signers made them, and the outcome.

use domain::Reason;
use evidence::dsse::Envelope;
use evidence::{Bytes, Digest};
use serde::{Deserialize, Serialize};

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
    /// For a run: digest of the pack of the commit's objects that was uploaded before. Runners check the objects against
    /// their ids, so the digest is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Digest>,
}

/// The message of a machine: its signed receipt or report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedStatement {
    /// The statement.
    pub statement: Envelope,
}

/// A rollback that an agent carried out by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHandReport {
    /// The agent's report.
    pub report: Envelope,
    /// The person's signed request.
    pub request: Envelope,
    /// The person's enrolment.
    pub enrolment: Envelope,
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
