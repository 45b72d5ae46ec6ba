//! The state that a verifier stores between two runs: its pin, the newest status and the newest checkpoint. Format:
//! `docs/formats/verifier-state.md`.
//!
//! Invariant: the state is neither secret nor signed. It is as trustworthy as the file that holds it.

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
    /// Root, numbers and checkpoint seen so far.
    pub pin: Pin,
    /// The newest status seen so far.
    pub status: StatusFile,
}

/// Errors of reading a verifier's state.
#[derive(Debug, thiserror::Error)]
pub enum VerifierStateError {
    /// The bytes are too long or not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The version is unknown, or the pin is invalid.
    #[error("verifier state: {0}")]
    Rule(&'static str),
}

impl VerifierState {
    /// Parses a state.
    ///
    /// # Errors
    /// `VerifierStateError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, VerifierStateError> {
        let state: Self = canonical::decode("verifier state", bytes, BYTES_MAX)?;
        if state.v != 1 {
            return Err(VerifierStateError::Rule("`v` is not 1, the version that this program knows"));
        }
        // A verifier reaches no server by its state, so the pin in it has no addresses.
        let is_sound = state.pin.v == 1 && state.pin.check().is_ok();
        if is_sound { Ok(state) } else { Err(VerifierStateError::Rule("its pin is invalid")) }
    }

    /// Encodes the state into its canonical bytes.
    ///
    /// # Errors
    /// `VerifierStateError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, VerifierStateError> {
        Ok(canonical::encode("verifier state", self)?)
    }
}
