//! Where a private Ed25519 key lies: in memory, or in a device that signs for its owner and may fail.
//!
//! Invariant: nobody but the key itself sees its private half; what cannot be signed is an error, never an
//! empty or partial signature.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use crate::key::KeyError;

/// An Ed25519 private key (RFC 8032, `PureEdDSA`).
pub trait SigningKey: Send + Sync {
    /// The 32 bytes of the public half.
    fn public(&self) -> [u8; 32];

    /// Signs a message, whole.
    ///
    /// # Errors
    /// `SigningError` when whatever holds the key did not sign.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError>;
}

/// A key that several signers share.
pub type SharedKey = Arc<dyn SigningKey>;

/// Why a key did not sign, in the words of what holds it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the signing key did not sign: {0}")]
pub struct SigningError(pub String);

/// A key in memory.
pub struct MemoryKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl MemoryKey {
    /// Makes a key from a 32-byte Ed25519 seed (RFC 8032, section 5.1.5).
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
