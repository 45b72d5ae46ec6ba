//! Run orders: by what a runner knows that somebody who may has asked for its work. Format:
//! `docs/formats/run-order.md`.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::status::StatusFile;

/// Largest run order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A run order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolments of who asked, agreed and signed the commit, sorted by the digests of their payloads.
    pub enrolments: Vec<Envelope>,
    /// The request for the run, and those by which people agreed at its approval nodes, sorted likewise.
    pub requests: Vec<Envelope>,
}

impl RunOrder {
    /// Parses a run order.
    ///
    /// # Errors
    /// `CanonicalError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("run order", bytes, BYTES_MAX)
    }

    /// Canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("run order", self)
    }
}
