//! The evidence of each release that a place can go back to, so that it is judged again when it comes back.
//!
//! Invariant: each file has the digest that its name says. One that is damaged or missing stops no return: the release then comes
//! back as one that cannot be judged.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::canonical::CanonicalError;

use crate::by_digest;
use crate::error::DeployError;

/// The directory of the files.
#[derive(Clone, Debug)]
pub struct PastEvidence(PathBuf);

/// Why the evidence of a release cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PastEvidenceError {
    /// The file cannot be read.
    #[error("its evidence `{path}` cannot be read: {1}", path = .0.display())]
    Read(PathBuf, io::Error),
    /// The file has other bytes than those that were written.
    #[error("its evidence `{path}` was changed", path = .0.display())]
    Changed(PathBuf),
    /// A newer program wrote it.
    #[error("its evidence `{path}`: {1}", path = .0.display())]
    Bundle(PathBuf, CanonicalError),
}

impl PastEvidence {
    /// The evidence in an agent's directory.
    pub fn of(dir: &Path) -> Self {
        Self(dir.join(EVIDENCE_DIR))
    }

    /// Stores evidence that was judged; returns the digest under which it lies.
    ///
    /// # Errors
    /// `DeployError` when it cannot be written.
    pub fn keep(&self, bundle: &Bundle) -> Result<Digest, DeployError> {
        let bytes = bundle.encode().map_err(|error| DeployError::Bundle(error.to_string()))?;
        let digest = Digest::of(&bytes);
        disk::make_dir(&self.0)?;
        disk::replace("agent.evidence", &self.file(&digest), &bytes, 0o600)?;
        Ok(digest)
    }

    /// The evidence with this digest.
    ///
    /// # Errors
    /// `PastEvidenceError` if it is missing or damaged.
    pub fn read(&self, digest: &Digest) -> Result<Bundle, PastEvidenceError> {
        let path = self.file(digest);
        let (bytes, _) = match disk::read_bounded(&path, BYTES_MAX as u64) {
            Err(error) => return Err(PastEvidenceError::Read(path, error)),
            Ok(read) => read,
        };
        if Digest::of(&bytes) != *digest {
            return Err(PastEvidenceError::Changed(path));
        }
        Bundle::decode(&bytes).map_err(|error| PastEvidenceError::Bundle(path, error))
    }

    /// Removes evidence of releases that the place cannot go back to any more.
    pub fn keep_only(&self, needed: &BTreeSet<Digest>) -> io::Result<()> {
        by_digest::keep_only(&self.0, needed)
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.0.join(digest.hex())
    }
}

/// Name of the directory in an agent's directory.
pub const EVIDENCE_DIR: &str = "evidence";
