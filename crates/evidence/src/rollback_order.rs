//! Rollback orders: the evidence that an agent needs to go back to an artifact that it verified and ran before. Format:
//! `docs/formats/return-order.md`.
//!
//! Invariant: every part is signed on its own, so the order itself is not signed. It deliberately contains no build
//! evidence: this agent has already judged the artifact.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::status::StatusFile;
use crate::{Digest, Name};

/// Largest rollback order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A rollback order.
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
    /// Number of the rollback, from the same sequence as release numbers.
    pub release: u64,
    /// Artifact that comes back.
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
    /// Parses a rollback order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("return order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("return order", self)
    }
}
