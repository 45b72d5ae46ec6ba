//! The runner's answers about checks: for each check one receipt, which is on disk before it is sent.
//!
//! Invariant: a check with a receipt is never done a second time for another one, even if the server asks again. A check
//! that ended with the runner's process has no receipt, so it is done again. Of each place only the answers about its newest
//! checked release are stored, so there are as many files as people declare checks; an older release gets no receipt any
//! more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::release_check::ReleaseCheck;
use evidence::{Digest, Name, Place, canonical};
use serde::{Deserialize, Serialize};

use crate::keep::{Keep, KeepError};

/// The result of a piece of work.
#[derive(Debug)]
pub struct CompletedWork {
    /// The receipt, signed.
    pub receipt: Envelope,
    /// Bytes that the receipt names and the server stores: log, tree list, manifest, layer.
    pub blobs: Vec<Vec<u8>>,
}

/// A directory with one file for each check.
#[derive(Debug)]
pub struct Answers {
    dir: PathBuf,
}

/// Why there is no answer about a check.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The runner has answered about a newer release of the place, or about another artifact of the same one.
    #[error("this runner has checked release {0} there since, so it gives no receipt about this one")]
    Newer(u64),
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

/// An answer, as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    v: u8,
    check: ReleaseCheck,
    receipt: Envelope,
    blobs: Vec<Digest>,
}

impl Answers {
    /// Opens or makes the directory.
    ///
    /// # Errors
    /// `AnswerError::Disk` if it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, AnswerError> {
        disk::make_dir(dir)?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// The answer about a check, if it was given. Blobs that the store had no room for are absent.
    ///
    /// # Errors
    /// `AnswerError::Newer` if the runner answers no question about this release any more; another one if the answer cannot
    /// be read.
    pub fn of(&self, check: &ReleaseCheck, keep: &Keep) -> Result<Option<CompletedWork>, AnswerError> {
        let path = self.path(check);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AnswerError::Io(path, error)),
        };
        let damaged = |error: String| AnswerError::Damaged(path.clone(), error);
        let answer: Answer = canonical::decode("stored answer", &bytes, bytes.len())
            .map_err(|error| damaged(error.to_string()))?;
        if answer.v != 1 {
            return Err(damaged("`v` is not 1, the version that this program knows".into()));
        }
        if answer.check == *check {
            let blobs = answer.blobs.iter().filter_map(|digest| keep.blob(digest).ok()).collect();
            return Ok(Some(CompletedWork { receipt: answer.receipt, blobs }));
        }
        let is_over = answer.check.release >= check.release;
        if is_over { Err(AnswerError::Newer(answer.check.release)) } else { Ok(None) }
    }

    /// Stores the answer about a check.
    ///
    /// # Errors
    /// `AnswerError` if it did not become durable.
    pub fn put(&self, check: &ReleaseCheck, done: &CompletedWork, keep: &Keep) -> Result<(), AnswerError> {
        let path = self.path(check);
        let blobs = done.blobs.iter().map(|bytes| keep.put_blob(bytes)).collect::<Result<_, _>>()?;
        let answer = Answer { v: 1, check: check.clone(), receipt: done.receipt.clone(), blobs };
        let bytes = canonical::encode("stored answer", &answer)
            .map_err(|error| AnswerError::Damaged(path.clone(), error.to_string()))?;
        Ok(disk::replace("runner.receipt", &path, &bytes, 0o600)?)
    }

    fn path(&self, check: &ReleaseCheck) -> PathBuf {
        let (place, name): (&Place, &Name) = (&check.place, &check.name);
        self.dir.join(Digest::of(format!("{place}/{name}").as_bytes()).hex())
    }
}
