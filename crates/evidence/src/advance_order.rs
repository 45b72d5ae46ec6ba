//! Advance orders: the evidence that an agent needs to do a person's order about a rollout under way. Format:
//! `docs/formats/advance-order.md`.
//!
//! Invariant: every part is signed on its own, so the order itself is not signed. The file deliberately contains nothing of
//! the release: this agent has judged it before it began.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::status::StatusFile;

/// Largest advance order in bytes.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// An advance order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceOrder {
    /// Version of this format; 1.
    pub v: u8,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolment of the person who asks.
    pub enrolment: Envelope,
    /// The signed request `advance`.
    pub request: Envelope,
}

impl AdvanceOrder {
    /// Parses an advance order.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("advance order", bytes, BYTES_MAX)
    }

    /// Encodes the order into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("advance order", self)
    }
}
