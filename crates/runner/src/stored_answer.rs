//! One answer of the runner: its receipt with the blobs that it names, and its file.
//!
//! Invariant: a file that cannot be read is an error and never a missing answer, because a missing one is given anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::{Digest, Moment, canonical};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keep::{Keep, KeepError};

/// The result of a piece of work.
#[derive(Debug)]
pub struct CompletedWork {
    /// The receipt, signed.
    pub receipt: Envelope,
    /// Bytes that the receipt names and the server stores: log, tree list, manifest, layer.
    pub blobs: Vec<Vec<u8>>,
}

impl CompletedWork {
    /// An answer with those of its blobs that are still stored.
    pub(crate) fn stored(receipt: Envelope, blobs: &[Digest], keep: &Keep) -> Self {
        Self { receipt, blobs: blobs.iter().filter_map(|digest| keep.blob(digest).ok()).collect() }
    }

    /// Stores the blobs, and returns their digests.
    pub(crate) fn keep_blobs(&self, keep: &Keep) -> Result<Vec<Digest>, KeepError> {
        self.blobs.iter().map(|bytes| keep.put_blob(bytes)).collect()
    }
}

/// Why there is no answer about a piece of work.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The runner has answered about a newer release of the place, or about another artifact of the same one.
    #[error("this runner has checked release {0} there since, so it gives no receipt about this one")]
    Newer(u64),
    /// The runner has removed answers about orders as old as this one.
    #[error(
        "this runner has removed its answers about runs that were asked for until {0}, so it does no step of them; \
         run the commit again"
    )]
    Removed(Moment),
    /// The stored answer cannot be read.
    #[error("the stored answer `{0}` cannot be read: {1}")]
    Damaged(PathBuf, String),
    /// The file system failed.
    #[error("cannot read `{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// The answer did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The log or documents did not become durable.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// A stored file of version 1, if it is there.
///
/// # Errors
/// `AnswerError` if it cannot be read.
pub fn stored<T: DeserializeOwned + Serialize>(
    path: &Path,
    version: impl Fn(&T) -> u8,
) -> Result<Option<T>, AnswerError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AnswerError::Io(path.to_path_buf(), error)),
    };
    let damaged = |error: String| AnswerError::Damaged(path.to_path_buf(), error);
    let value: T = canonical::decode("stored answer", &bytes, bytes.len())
        .map_err(|error| damaged(error.to_string()))?;
    if version(&value) != 1 {
        return Err(damaged("`v` is not 1, the version that this program knows".into()));
    }
    Ok(Some(value))
}

/// Stores a file, and answers with its size.
///
/// # Errors
/// `AnswerError` if it did not become durable.
pub fn store(path: &Path, value: &impl Serialize) -> Result<u64, AnswerError> {
    let bytes = canonical::encode("stored answer", value)
        .map_err(|error| AnswerError::Damaged(path.to_path_buf(), error.to_string()))?;
    disk::replace("runner.answer", path, &bytes, 0o600)?;
    Ok(bytes.len() as u64)
}
