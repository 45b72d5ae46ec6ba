//! Secrets of a place as its agents get them between releases: the newest version of each, with everything that shows who put
//! it, and the grants to the service. Format: `docs/formats/secrets-order.md`.
//!
//! Invariant: every part is signed on its own, so the order itself is not signed. It may omit what
//! it likes: an agent compares it with the numbers that it has used. `numbers` is the server's word, for people who put the next version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::place::Place;
use crate::status::StatusFile;
use crate::{Id, Name};

/// Largest order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// The secrets of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The place.
    pub place: Place,
    /// The highest number of each secret, also of versions that do not count any more.
    pub numbers: BTreeMap<Name, u32>,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolments of the people who put the versions, sorted by the digests of their payloads.
    pub enrolments: Vec<Envelope>,
    /// Statements that put the newest version of each secret, sorted by the digests of their payloads.
    pub statements: Vec<Envelope>,
    /// Grants that let the place's service have secrets, sorted in the same way; absent if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Envelope>,
}

impl SecretsOrder {
    /// Parses an order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("secrets order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("secrets order", self)
    }
}
