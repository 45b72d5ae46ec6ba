//! The runner's answers about steps: one file for each nonce, and so for each step of a run that people asked for.
//!
//! Invariant: no step that has an answer, or had one, is done again under the same nonce. The answers have a limit: beyond it
//! the oldest ones are removed, and from then on no step is done of a run that was asked for as early as theirs. That time is
//! on disk before the first of them is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use evidence::dsse::Envelope;
use evidence::{Digest, Id, Moment};
use serde::{Deserialize, Serialize};

use crate::disk_limit::{Size, StoredFile, list, surplus};
use crate::keep::Keep;
use crate::stored_answer::{AnswerError, CompletedWork, store, stored};

/// A directory with one file for each step, and a file beside it for the answers that were removed.
#[derive(Debug)]
pub struct StepAnswers {
    dir: PathBuf,
    limit: Size,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    size: Size,
    /// The newest time at which a run was asked for whose answer was removed.
    removed: Option<Moment>,
}

/// An answer, as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    v: u8,
    nonce: Id,
    /// When somebody asked for the run.
    asked: Moment,
    receipt: Envelope,
    blobs: Vec<Digest>,
}

/// The removed answers, as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removed {
    v: u8,
    asked: Moment,
}

impl StepAnswers {
    /// Opens or makes the directory, with a limit in bytes.
    ///
    /// # Errors
    /// `AnswerError` if it cannot be made or read.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self, AnswerError> {
        disk::make_dir(dir)?;
        let removed = stored(&beside(dir), |removed: &Removed| removed.v)?.map(|removed| removed.asked);
        let limit = Size { bytes: bytes_max, files: FILES_MAX };
        let dir = dir.to_path_buf();
        let size = Size::of(&list(std::slice::from_ref(&dir)).map_err(unreadable)?);
        let answers = Self { dir, limit, held: Mutex::new(Held { size, removed }) };
        answers.make_room(None)?;
        Ok(answers)
    }

    /// The answer under a nonce, if it was given and is still stored.
    ///
    /// # Errors
    /// `AnswerError` if it cannot be read.
    pub fn answer(&self, nonce: Id, keep: &Keep) -> Result<Option<CompletedWork>, AnswerError> {
        let path = self.path(nonce);
        let Some(answer) = stored(&path, |answer: &Answer| answer.v)? else { return Ok(None) };
        if answer.nonce != nonce {
            return Err(AnswerError::Damaged(path, format!("it is about other work, {}", answer.nonce)));
        }
        Ok(Some(CompletedWork::stored(answer.receipt, &answer.blobs, keep)))
    }

    /// Checks that no answer was removed about a run that was asked for at this time, or later.
    ///
    /// # Errors
    /// `AnswerError::Removed` if one was.
    pub fn would_know(&self, asked: Moment) -> Result<(), AnswerError> {
        let removed = self.held.lock().unwrap_or_else(PoisonError::into_inner).removed;
        removed
            .filter(|removed| asked <= *removed)
            .map_or(Ok(()), |removed| Err(AnswerError::Removed(removed)))
    }

    /// Stores an answer, and removes the oldest ones if the limit is exceeded.
    ///
    /// # Errors
    /// `AnswerError` if it did not become durable.
    pub fn put(
        &self,
        nonce: Id,
        asked: Moment,
        done: &CompletedWork,
        keep: &Keep,
    ) -> Result<(), AnswerError> {
        let blobs = done.keep_blobs(keep)?;
        let answer = Answer { v: 1, nonce, asked, receipt: done.receipt.clone(), blobs };
        let bytes = store(&self.path(nonce), &answer)?;
        self.make_room(Some(bytes))
    }

    fn make_room(&self, new: Option<u64>) -> Result<(), AnswerError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.size = new.map_or(held.size, |bytes| held.size.with(bytes));
        if held.size.fits(self.limit) {
            return Ok(());
        }
        let files = list(std::slice::from_ref(&self.dir)).map_err(unreadable)?;
        held.size = Size::of(&files);
        let going = surplus(files, self.limit);
        let mut removed = held.removed;
        for file in &going {
            // The rest of a write that a crash has cut short is no answer.
            if file.path.extension().is_none() {
                removed = removed.max(asked_before(file)?);
            }
        }
        if let Some(asked) = removed.filter(|_| removed != held.removed) {
            store(&beside(&self.dir), &Removed { v: 1, asked })?;
            held.removed = removed;
        }
        for file in going {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(AnswerError::Io(file.path, error));
                }
                _ => {}
            }
            held.size = held.size.without(file.bytes);
        }
        Ok(())
    }

    fn path(&self, nonce: Id) -> PathBuf {
        self.dir.join(nonce.to_string())
    }
}

/// When somebody asked for the run of an answer; of a damaged one, when it was stored, which is later.
fn asked_before(file: &StoredFile) -> Result<Option<Moment>, AnswerError> {
    match stored(&file.path, |answer: &Answer| answer.v) {
        Ok(answer) => Ok(answer.map(|answer| answer.asked)),
        Err(AnswerError::Damaged(..)) => {
            let since = file.stored_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Ok(u64::try_from(since.as_millis()).ok().and_then(|millis| Moment::from_millis(millis).ok()))
        }
        Err(error) => Err(error),
    }
}

/// The file with the time of the removed answers.
fn beside(dir: &Path) -> PathBuf {
    dir.with_extension("removed.json")
}

fn unreadable((path, error): (PathBuf, io::Error)) -> AnswerError {
    AnswerError::Io(path, error)
}

/// Most answers, whatever their size, so that the directory can be listed quickly.
const FILES_MAX: u64 = 200_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evidence::machine::MachineSigner;

    use super::*;

    const ANSWER_BYTES: u64 = 1_200;

    fn done(number: u8) -> CompletedWork {
        let payload = format!("{{\"number\":{number},\"pad\":\"{}\"}}", "p".repeat(500));
        let mut receipt = Envelope::new("application/x", payload.into_bytes());
        MachineSigner::from_seed([7; 32]).unwrap().sign(&mut receipt).unwrap();
        CompletedWork { receipt, blobs: vec![format!("log {number}").into_bytes()] }
    }

    fn open(dir: &Path, answers: u64) -> (StepAnswers, Keep) {
        let keep = Keep::open(&dir.join("keep"), 1 << 20).unwrap();
        (StepAnswers::open(&dir.join("steps"), answers * ANSWER_BYTES).unwrap(), keep)
    }

    fn refused(answers: &StepAnswers, asked: Moment) -> String {
        answers.would_know(asked).map_or_else(|error| error.to_string(), |()| String::new())
    }

    /// An order whose answer was removed must not be carried out again: not now, and not after a restart.
    #[test]
    fn attack_an_answer_that_was_removed_is_not_replaced_by_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let (answers, keep) = open(dir.path(), 10);
        for number in 0..20 {
            let nonce = lab::id(number);
            answers.put(nonce, lab::at(i64::from(number)), &done(number), &keep).unwrap();
            let file = fs::File::open(answers.path(nonce)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(number.into())).unwrap();
            let held = Size::of(&list(&[dir.path().join("steps")]).unwrap());
            assert!(held.bytes <= 10 * ANSWER_BYTES, "{number}: {held:?}");
        }
        let (answers, keep) = {
            drop(answers);
            open(dir.path(), 10)
        };
        for number in 0..20 {
            let answer = answers.answer(lab::id(number), &keep).unwrap();
            let refused = refused(&answers, lab::at(i64::from(number)));
            match answer {
                Some(answer) => assert_eq!(
                    (answer.receipt, answer.blobs, refused),
                    (done(number).receipt, done(number).blobs, String::new())
                ),
                None => assert!(refused.contains("run the commit again"), "{number}: {refused}"),
            }
        }
        assert!(answers.answer(lab::id(0), &keep).unwrap().is_none(), "the oldest one is gone");
        assert!(answers.answer(lab::id(19), &keep).unwrap().is_some(), "the newest one is there");
    }

    /// A damaged answer is no missing answer; when it is removed, its order stays closed.
    #[test]
    fn attack_a_damaged_answer_opens_no_order() {
        let dir = tempfile::tempdir().unwrap();
        let (answers, keep) = open(dir.path(), 10);
        answers.put(lab::id(1), lab::at(1), &done(1), &keep).unwrap();
        disk::write(&answers.path(lab::id(1)), b"{", 0o600).unwrap();
        let stored = SystemTime::UNIX_EPOCH + Duration::from_millis(lab::at(5).millis());
        fs::File::open(answers.path(lab::id(1))).unwrap().set_modified(stored).unwrap();
        disk::write(&answers.path(lab::id(2)).with_extension("new"), b"{", 0o600).unwrap();
        let damaged = answers.answer(lab::id(1), &keep).unwrap_err();
        assert!(damaged.to_string().contains("cannot be read"), "{damaged}");
        answers.put(lab::id(3), lab::at(2), &done(3), &keep).unwrap();
        let bytes = fs::read(answers.path(lab::id(3))).unwrap();
        disk::write(&answers.path(lab::id(4)), &bytes, 0o600).unwrap();
        let other = answers.answer(lab::id(4), &keep).unwrap_err();
        assert!(other.to_string().contains("about other work"), "{other}");
        let (answers, _) = open(dir.path(), 0);
        assert!(!answers.path(lab::id(1)).exists());
        assert!(refused(&answers, lab::at(5)).contains("run the commit again"));
        assert_eq!(refused(&answers, lab::at(6)), "");
    }
}
