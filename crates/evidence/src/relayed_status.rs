//! A status together with the trust roots that prove it, as witnesses keep and give it. Format:
//! `docs/formats/relayed-status.md`.
//!
//! Invariant: it proves nothing alone. Its reader walks the roots from the pinned one, and nothing before that one is looked
//! at, so that strangers cost little work.

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::status::StatusFile;

/// Largest relayed status in bytes.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most roots of one relayed status.
pub const ROOTS_MAX: usize = 1024;

/// A status on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayedStatus {
    /// Version of this format; 1.
    pub v: u8,
    /// The status.
    pub status: StatusFile,
    /// Trust roots, oldest first; the last one names the signers of the status.
    pub roots: Vec<Envelope>,
}

/// Errors of reading a relayed status.
#[derive(Debug, thiserror::Error)]
pub enum RelayedStatusError {
    /// The bytes are too long or not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A rule of the format is broken.
    #[error("relayed status: {0}")]
    Rule(&'static str),
}

impl RelayedStatus {
    /// A status with its roots, oldest first.
    #[must_use]
    pub const fn new(status: StatusFile, roots: Vec<Envelope>) -> Self {
        Self { v: 1, status, roots }
    }

    /// Parses a relayed status.
    ///
    /// # Errors
    /// `RelayedStatusError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, RelayedStatusError> {
        let relayed: Self = canonical::decode("relayed status", bytes, BYTES_MAX)?;
        if relayed.v != 1 {
            return Err(RelayedStatusError::Rule("`v` is not 1, the version that this program knows"));
        }
        if relayed.roots.is_empty() || relayed.roots.len() > ROOTS_MAX {
            return Err(RelayedStatusError::Rule("it has 1 to 1024 roots"));
        }
        Ok(relayed)
    }

    /// Encodes the relayed status into its canonical bytes.
    ///
    /// # Errors
    /// `RelayedStatusError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, RelayedStatusError> {
        Ok(canonical::encode("relayed status", self)?)
    }

    /// The roots from the one with this digest on; none if it is not among them.
    #[must_use]
    pub fn roots_from(&self, pinned: &Digest) -> &[Envelope] {
        let at = self.roots.iter().position(|root| root.payload_digest() == *pinned);
        at.and_then(|at| self.roots.get(at..)).unwrap_or_default()
    }
}
