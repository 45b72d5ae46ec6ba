//! The runner's answers about checks: one file for each declared check of a place.
//!
//! Invariant: of each place only the answers about its newest checked release are stored, so there are as many files as
//! people declare checks; an older release gets no receipt any more.

use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::release_check::ReleaseCheck;
use serde::{Deserialize, Serialize};

use crate::keep::Keep;
use crate::stored_answer::{AnswerError, CompletedWork, store, stored};

/// A directory with one file for each check.
#[derive(Debug)]
pub struct CheckAnswers {
    dir: PathBuf,
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

impl CheckAnswers {
    /// The answers in a directory that exists.
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// The answer about a check, if it was given.
    ///
    /// # Errors
    /// `AnswerError::Newer` if the runner answers no question about this release any more; another one if the answer cannot
    /// be read.
    pub fn answer(&self, check: &ReleaseCheck, keep: &Keep) -> Result<Option<CompletedWork>, AnswerError> {
        let Some(answer) = stored(&self.path(check), |answer: &Answer| answer.v)? else { return Ok(None) };
        if answer.check == *check {
            return Ok(Some(CompletedWork::stored(answer.receipt, &answer.blobs, keep)));
        }
        let is_over = answer.check.release >= check.release;
        if is_over { Err(AnswerError::Newer(answer.check.release)) } else { Ok(None) }
    }

    /// Stores the answer about a check.
    ///
    /// # Errors
    /// `AnswerError` if it did not become durable.
    pub fn put(&self, check: &ReleaseCheck, done: &CompletedWork, keep: &Keep) -> Result<(), AnswerError> {
        let blobs = done.keep_blobs(keep)?;
        let answer = Answer { v: 1, check: check.clone(), receipt: done.receipt.clone(), blobs };
        store(&self.path(check), &answer).map(drop)
    }

    fn path(&self, check: &ReleaseCheck) -> PathBuf {
        let (place, name) = (&check.place, &check.name);
        self.dir.join(Digest::of(format!("{place}/{name}").as_bytes()).hex())
    }
}
