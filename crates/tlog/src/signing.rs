//! Private Ed25519 keys, in memory or in a device that signs and may fail.
//!
//! Invariant: the private half never leaves its holder. A failure to sign is an error, never an empty or partial
//! signature.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use crate::key_error::KeyError;

/// An Ed25519 private key (<https://www.rfc-editor.org/rfc/rfc8032>, `PureEdDSA`).
pub trait SigningKey: Send + Sync {
    /// The 32 bytes of the public half.
    fn public(&self) -> [u8; 32];

    /// Signs a whole message.
    ///
    /// # Errors
    /// `SigningError` when the key's holder could not sign.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError>;
}

/// A key that several signers share.
pub type SharedKey = Arc<dyn SigningKey>;

/// The key could not sign, with the explanation of its holder.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the signing key did not sign: {0}")]
pub struct SigningError(pub String);

/// A key in memory.
pub struct MemoryKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl MemoryKey {
    /// Creates a key from a 32-byte Ed25519 seed (<https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5>).
    ///
    /// # Errors
    /// `KeyError::Bytes` when the library refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Bytes)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Bytes)?;
        Ok(Self { pair, public })
    }
}

impl SigningKey for MemoryKey {
    fn public(&self) -> [u8; 32] {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        let signature = self.pair.sign(message);
        signature.as_ref().try_into().map_err(|_| SigningError("a signature is not 64 bytes".to_owned()))
    }
}

impl fmt::Debug for MemoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryKey")
    }
}
