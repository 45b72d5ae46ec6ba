//! Ledger entries: the canonical header, which is the leaf, and its salted commitments to payloads. Format:
//! `docs/formats/entry.md`.
//!
//! Invariant: a header has at most 8 KiB and names everything else by digest. A fold reads the *facts*, which are never
//! erased. No fold reads the *particulars*, so they may be erased.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::{Digest, Id, Moment, Name};

/// Largest header in bytes.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Largest facts or particulars in bytes. Larger content is stored as a blob and named by digest.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Length of a salt in bytes.
pub const SALT_BYTES: usize = 16;
/// Highest number of blobs that one header can name.
pub const BLOBS_MAX: usize = 64;

/// The leaf of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of this format; 1.
    pub v: u8,
    /// Kind of the event, for instance `identity.enrolled`.
    pub kind: String,
    /// Number of the decision rules in force. It rises whenever any decision could differ.
    pub rules: u32,
    /// Time of the decision; never earlier than the time of the previous entry.
    pub time: Moment,
    /// Project of the entry; absent if the entry concerns the whole installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// Random id of the entry's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Id>,
    /// The person, machine or flow that caused the entry.
    pub actor: Actor,
    /// How the actor was authenticated.
    pub auth: Auth,
    /// Number of the entry that this one follows from, if the actor is `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// Digest of the idempotency key of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Digest>,
    /// Commitment to the facts.
    pub facts: Digest,
    /// Commitment to the particulars, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub particulars: Option<Digest>,
    /// Digests of blobs that must be stored, sorted and unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Digest>,
}

/// The person, machine or flow that caused an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A person, by the random id of the enrolment.
    Person(Id),
    /// A runner, agent or witness, by name.
    Machine(Name),
    /// The flow inside the server.
    System,
}

/// Ways to authenticate an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// A request signed by the sign-in key of an enrolment.
    SignedRequest,
    /// A statement that carries all signatures that it needs.
    Statement,
    /// A message signed by a machine's registered key.
    MachineKey,
    /// No authentication: the flow inside the server acted.
    None,
}

/// Bytes that a header commits to, with the salt that hides them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Random salt. It is stored and erased together with the bytes.
    pub salt: [u8; SALT_BYTES],
    /// Canonical JSON.
    pub bytes: Vec<u8>,
}

/// One entry: the leaf and the payloads that it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Canonical bytes of the header.
    pub header: Vec<u8>,
    /// Facts.
    pub facts: Payload,
    /// Particulars. Absent if the entry never had any, or if they were erased.
    pub particulars: Option<Payload>,
}

/// Faults of an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Header or payload is too long or not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// This program does not know the version of the header.
    #[error("header: version {0} is newer than this program knows (1)")]
    Version(u8),
    /// The payload does not match the commitment in the header.
    #[error("{0} do not match the commitment in the header")]
    Commitment(&'static str),
    /// Blobs are out of order, repeated, or too many.
    #[error("header: blobs must be sorted, each once, at most {BLOBS_MAX}")]
    Blobs,
    /// The entry has particulars, but the header commits to none.
    #[error("particulars are present but the header commits to none")]
    Uncommitted,
}

impl Header {
    /// Parses and checks the bytes of a leaf.
    ///
    /// # Errors
    /// `EntryError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let header: Self = canonical::decode("header", bytes, HEADER_BYTES_MAX)?;
        header.check().map(|()| header)
    }

    /// Encodes the header into the canonical bytes of the leaf.
    ///
    /// # Errors
    /// `EntryError` when the header breaks a rule of the format.
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        self.check()?;
        let bytes = canonical::encode("header", self)?;
        if bytes.len() > HEADER_BYTES_MAX {
            let (what, found, max) = ("header", bytes.len(), HEADER_BYTES_MAX);
            return Err(CanonicalError::Long { what, found, max }.into());
        }
        Ok(bytes)
    }

    fn check(&self) -> Result<(), EntryError> {
        if self.v != 1 {
            return Err(EntryError::Version(self.v));
        }
        let sorted = self.blobs.is_sorted_by(|a, b| a < b);
        if sorted && self.blobs.len() <= BLOBS_MAX { Ok(()) } else { Err(EntryError::Blobs) }
    }
}

impl Payload {
    /// Encodes a value. The caller draws the salt.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded or is larger than 64 KiB.
    pub fn new<T: Serialize>(
        what: &'static str,
        value: &T,
        salt: [u8; SALT_BYTES],
    ) -> Result<Self, CanonicalError> {
        let bytes = canonical::encode(what, value)?;
        if bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(CanonicalError::Long { what, found: bytes.len(), max: PAYLOAD_BYTES_MAX });
        }
        Ok(Self { salt, bytes })
    }

    /// Computes the commitment, `SHA-256(salt || bytes)`. Without the salt, short facts could be guessed from it.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        Digest::of_parts(&[&self.salt, &self.bytes])
    }

    /// Parses the bytes.
    ///
    /// # Errors
    /// `CanonicalError` when they are not the canonical encoding of `T`.
    pub fn decode<T: Serialize + DeserializeOwned>(&self, what: &'static str) -> Result<T, CanonicalError> {
        canonical::decode(what, &self.bytes, PAYLOAD_BYTES_MAX)
    }
}

impl Entry {
    /// Checks header and commitments. Missing particulars that the header commits to count as erased.
    ///
    /// # Errors
    /// `EntryError` names the fault.
    pub fn check(&self) -> Result<Header, EntryError> {
        let header = Header::decode(&self.header)?;
        if self.facts.commitment() != header.facts {
            return Err(EntryError::Commitment("facts"));
        }
        match (&self.particulars, header.particulars) {
            (Some(_), None) => Err(EntryError::Uncommitted),
            (Some(payload), Some(stated)) if payload.commitment() != stated => {
                Err(EntryError::Commitment("particulars"))
            }
            _ => Ok(header),
        }
    }
}
