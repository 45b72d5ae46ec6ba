//! Sealed values in the agent's directory, so that a service starts again while the server is away.
//!
//! Invariant: each file has the digest that its name says, compared when it is written and again by the process that opens it.
//! Nothing here can be read without the agent's seal key.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use evidence::Digest;

use crate::by_digest;
use crate::error::DeployError;

/// The directory of the files.
#[derive(Clone, Debug)]
pub struct SealedValues(PathBuf);

impl SealedValues {
    /// The sealed values of an agent's directory.
    pub fn of(dir: &Path) -> Self {
        Self(dir.join("sealed"))
    }

    /// The file of a value.
    pub fn file(&self, value: &Digest) -> PathBuf {
        self.0.join(value.hex())
    }

    /// Whether a value is there.
    pub fn has(&self, value: &Digest) -> bool {
        self.file(value).exists()
    }

    /// Stores a value, unless it has another digest.
    ///
    /// # Errors
    /// `DeployError` when it cannot be written.
    pub fn keep(&self, value: &Digest, bytes: &[u8]) -> Result<(), DeployError> {
        if Digest::of(bytes) != *value || self.has(value) {
            return Ok(());
        }
        disk::make_dir(&self.0)?;
        Ok(disk::replace("agent.sealed", &self.file(value), bytes, 0o600)?)
    }

    /// Removes values that are not needed any more.
    pub fn keep_only(&self, needed: &BTreeSet<Digest>) -> io::Result<()> {
        by_digest::keep_only(&self.0, needed)
    }
}
