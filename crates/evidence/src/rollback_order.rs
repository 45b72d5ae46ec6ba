//! Return orders: what an agent needs to go back to what it has verified and run. Format:
//! `docs/formats/return-order.md`.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::status::StatusFile;
use crate::{Digest, Name};

/// Largest return order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A return order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Its number, given like a release's.
    pub release: u64,
    /// Artifact to return to.
    pub artifact: Digest,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolment of the person who asks.
    pub enrolment: Envelope,
    /// The signed request.
    pub request: Envelope,
}

impl RollbackOrder {
    /// Parses a return order.
    ///
    /// # Errors
    /// `CanonicalError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("return order", bytes, BYTES_MAX)
    }

    /// Canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("return order", self)
    }
}
