//! The runner's answers: for each step and each check one receipt, which is on disk before it is sent.
//!
//! Invariant: a step or check with a receipt is never done a second time for another one, even if the server asks again.
//! One that ended with the runner's process has no receipt, so it is done again. Artifacts are not stored here: an artifact
//! is a function of the outputs of its steps, so it is made again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::build::Due;
use evidence::dsse::Envelope;
use evidence::receipt::Work;
use evidence::{Digest, Moment, canonical};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::check_answers::CheckAnswers;
use crate::keep::{Keep, KeepError};
use crate::step_answers::StepAnswers;

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

/// The answers about steps and checks.
#[derive(Debug)]
pub struct Answers {
    checks: CheckAnswers,
    steps: StepAnswers,
}

impl Answers {
    /// Opens or makes the directory, with a limit on the bytes of answers about steps.
    ///
    /// # Errors
    /// `AnswerError` if it cannot be made or read.
    pub fn open(dir: &Path, steps_bytes_max: u64) -> Result<Self, AnswerError> {
        disk::make_dir(dir)?;
        Ok(Self {
            checks: CheckAnswers::of(dir),
            steps: StepAnswers::open(&dir.join("steps"), steps_bytes_max)?,
        })
    }

    /// The answer about a piece of work, if it was given. Blobs that the store had no room for are absent.
    ///
    /// # Errors
    /// `AnswerError` if the runner answers no question about this check any more, or the answer cannot be read.
    pub fn of(&self, due: &Due, keep: &Keep) -> Result<Option<CompletedWork>, AnswerError> {
        match &due.work {
            Work::Check(check) => self.checks.answer(check, keep),
            Work::Step(_) => self.steps.answer(due.nonce, keep),
            Work::Artifact(_) => Ok(None),
        }
    }

    /// Checks that the runner would know an answer about a step, had it given one: of a run that somebody asked for at this
    /// time.
    ///
    /// # Errors
    /// `AnswerError::Removed` if answers about orders as old as this one were removed.
    pub fn would_know(&self, work: &Work, asked: Moment) -> Result<(), AnswerError> {
        if let Work::Step(_) = work { self.steps.would_know(asked) } else { Ok(()) }
    }

    /// Stores the answer about work of a run that somebody asked for at this time.
    ///
    /// # Errors
    /// `AnswerError` if it did not become durable.
    pub fn put(
        &self,
        due: &Due,
        asked: Moment,
        done: &CompletedWork,
        keep: &Keep,
    ) -> Result<(), AnswerError> {
        match &due.work {
            Work::Check(check) => self.checks.put(check, done, keep),
            Work::Step(_) => self.steps.put(due.nonce, asked, done, keep),
            Work::Artifact(_) => Ok(()),
        }
    }
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
