//! Messages of the API. What is signed is nested as the envelope that its signer made.

use domain::{PersonId, Reason};
use evidence::dsse::Envelope;
use evidence::entry::{Actor, Auth};
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment, Name};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Largest body that either side reads, in bytes.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A person's command: the signed request, and the statements that it names by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The request.
    pub request: Envelope,
    /// Signed statements that the request names by the digest of their payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Envelope>,
}

/// What became of a command. It is durable when this is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
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
    /// Entries that did not fit the state; 0 in a sound ledger.
    pub misfits: u64,
    /// The status in force.
    pub status: Option<StatusView>,
    /// Who is enrolled now.
    pub people: Vec<PersonView>,
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
    /// Roles, in words.
    pub roles: Vec<Name>,
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
