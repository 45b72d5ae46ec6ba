//! The runner's answers: for each step and each check one receipt, which is on disk before it is sent.
//!
//! Invariant: a step or check with a receipt is never done a second time for another one, even if the server asks again.
//! One that ended with the runner's process has no receipt, so it is done again. Artifacts are not stored here: an artifact
//! is a function of the outputs of its steps, so it is made again.

use std::path::Path;

use domain::build::Due;
use evidence::Moment;
use evidence::receipt::Work;

use crate::check_answers::CheckAnswers;
use crate::keep::Keep;
use crate::step_answers::StepAnswers;
use crate::stored_answer::{AnswerError, CompletedWork};

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
