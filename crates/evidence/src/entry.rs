//! Ledger entries: the canonical header that is the leaf, and its salted payload commitments.
//!
//! Invariant: a header is at most 8 KiB and names everything else by digest; *facts* are what a fold reads
//! and are never erased, *particulars* are erasable and read by no fold. Format: `docs/formats/entry.md`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::{Digest, Id, Moment, Name};

/// Largest header in bytes.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Largest facts or particulars in bytes; larger ones are blobs named by digest.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Length of a salt in bytes.
pub const SALT_BYTES: usize = 16;
/// Most blobs that one header can name.
pub const BLOBS_MAX: usize = 64;

/// The leaf of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of this format; 1.
    pub v: u8,
    /// What happened, for instance `identity.enrolled`.
    pub kind: String,
    /// Number of the decision rules in force; raised whenever any decision could differ.
    pub rules: u32,
    /// When the entry was decided; never before that of the entry before it.
    pub time: Moment,
    /// Project that it belongs to; absent for the installation itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// Random id of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Id>,
    /// Who caused it.
    pub actor: Actor,
    /// How the actor was authenticated.
    pub auth: Auth,
    /// Sequence number of the entry that this one follows from, for actor `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// Digest of the idempotency key of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Digest>,
    /// Commitment to the facts.
    pub facts: Digest,
    /// Commitment to the particulars, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub particulars: Option<Digest>,
    /// Blobs that must be in the store, sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Digest>,
}

/// Who caused an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A person, by random id.
    Person(Id),
    /// A runner, agent or witness, by name.
    Machine(Name),
    /// The flow of the system itself.
    System,
}

/// How an actor was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// A request signed by the sign-in key of an enrolment.
    SignedRequest,
    /// A statement that carries the signatures of all who must sign it.
    Statement,
    /// A message signed by a machine's registered key.
    MachineKey,
    /// Nobody: the flow of the system itself.
    None,
}

/// Bytes committed to by a header, with the salt that hides them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Random; it lies with the bytes and goes with them.
    pub salt: [u8; SALT_BYTES],
    /// Canonical JSON.
    pub bytes: Vec<u8>,
}

/// One entry: the leaf and what it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Canonical bytes of the header.
    pub header: Vec<u8>,
    /// Facts.
    pub facts: Payload,
    /// Particulars; absent when there are none or they were erased.
    pub particulars: Option<Payload>,
}

/// Why an entry is not sound.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Header or payload is not canonical or too long.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The header is of a version that this program does not know.
    #[error("header: version {0} is newer than this program knows (1)")]
    Version(u8),
    /// The commitment in the header is of other bytes.
    #[error("{0} do not match the commitment in the header")]
    Commitment(&'static str),
    /// Blobs are out of order, named twice, or too many.
    #[error("header: blobs must be sorted, each once, at most {BLOBS_MAX}")]
    Blobs,
    /// Payload stands where the header commits to none.
    #[error("particulars are present but the header commits to none")]
    Uncommitted,
}

impl Header {
    /// Parses and checks the bytes of a leaf.
    ///
    /// # Errors
    /// `EntryError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let header: Self = canonical::decode("header", bytes, HEADER_BYTES_MAX)?;
        header.check().map(|()| header)
    }

    /// Canonical bytes of the leaf.
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
    /// Encodes a value with a salt from the caller.
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

    /// `SHA-256(salt || bytes)`.
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
    /// Checks header and commitments; absent particulars that the header commits to count as erased.
    ///
    /// # Errors
    /// `EntryError` names what is wrong.
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
