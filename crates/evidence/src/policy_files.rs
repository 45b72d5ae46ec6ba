//! Policy files in transport and storage: texts by path, under one digest. Format: `docs/formats/policy.md`.
//!
//! Invariant: the digest covers the canonical bytes, so it names exactly the bytes that are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

/// Largest set of policy files in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// Policy files by relative path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFiles {
    /// Version of this format; 1.
    pub v: u8,
    /// Text of each file.
    pub files: BTreeMap<String, String>,
}

impl PolicyFiles {
    /// Wraps texts by path.
    #[must_use]
    pub const fn new(files: BTreeMap<String, String>) -> Self {
        Self { v: 1, files }
    }

    /// Parses policy files.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("policy files", bytes, BYTES_MAX)
    }

    /// Encodes the files into their canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when they cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("policy files", self)
    }

    /// Digest that names the policy.
    ///
    /// # Errors
    /// `CanonicalError` when they cannot be encoded.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&self.encode()?))
    }
}
