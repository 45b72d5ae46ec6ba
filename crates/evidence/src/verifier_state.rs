//! What a verifier keeps between two looks: its pin, the newest status, the ledger as it was. Format:
//! `docs/formats/verifier-state.md`.
//!
//! Invariant: nothing in it is secret and nothing is signed by its keeper; it is worth what the file is worth.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::pin::Pin;
use crate::status::StatusFile;

/// Largest state in bytes.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A verifier's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifierState {
    /// Version of this format; 1.
    pub v: u8,
    /// Root, numbers and checkpoint that were seen.
    pub pin: Pin,
    /// The newest status that was seen.
    pub status: StatusFile,
}

/// Why bytes are not a verifier's state.
#[derive(Debug, thiserror::Error)]
pub enum VerifierStateError {
    /// Not canonical, or too long.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Of another version, or its pin is none.
    #[error("verifier state: {0}")]
    Rule(&'static str),
}

impl VerifierState {
    /// Parses a state.
    ///
    /// # Errors
    /// `VerifierStateError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, VerifierStateError> {
        let state: Self = canonical::decode("verifier state", bytes, BYTES_MAX)?;
        if state.v != 1 {
            return Err(VerifierStateError::Rule("`v` is not 1, the version that this program knows"));
        }
        let sound = state.pin.v == 1 && state.pin.checkpoint().is_ok();
        if sound { Ok(state) } else { Err(VerifierStateError::Rule("its pin is none")) }
    }

    /// Canonical bytes.
    ///
    /// # Errors
    /// `VerifierStateError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, VerifierStateError> {
        Ok(canonical::encode("verifier state", self)?)
    }
}
