//! Checkpoints (<https://c2sp.org/tlog-checkpoint>): origin, size and root hash of a log.
//!
//! Invariant: extension lines are refused, because no auditor could check them. A parsed checkpoint prints as it was
//! read.

use std::fmt;
use std::str::FromStr;

use crate::hash::Hash;
use crate::key::{NoteSigner, NoteVerifier};
use crate::note::{Note, NoteError};
use crate::signing::SigningError;

/// The state of a log at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Unique identifier of the log.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root hash over that many leaves.
    pub root: Hash,
}

/// Reasons why a note is not a valid checkpoint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The note is malformed, unsigned or wrongly signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The key could not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The text is not exactly origin, size and root hash.
    #[error("a checkpoint is three lines: origin, tree size, root hash in base64")]
    Text,
    /// The size is zero but the root is not that of the empty tree.
    #[error("a checkpoint of size 0 has the root hash of the empty tree")]
    Empty,
    /// The checkpoint belongs to another log.
    #[error("the checkpoint is of log `{found}`, expected `{expected}`")]
    Origin {
        /// Origin expected.
        expected: String,
        /// Origin found.
        found: String,
    },
}

impl Checkpoint {
    /// Parses a note and accepts it only if one of the log's keys signed it.
    ///
    /// # Errors
    /// `CheckpointError` names the fault.
    pub fn open(note: &Note, origin: &str, keys: &[NoteVerifier]) -> Result<Self, CheckpointError> {
        note.verify(keys)?;
        let checkpoint: Self = note.text().parse()?;
        if checkpoint.origin != origin {
            let (expected, found) = (origin.to_owned(), checkpoint.origin);
            return Err(CheckpointError::Origin { expected, found });
        }
        Ok(checkpoint)
    }

    /// Signs the checkpoint as a note.
    ///
    /// # Errors
    /// `CheckpointError` when a note cannot hold the origin, or the key could not sign.
    pub fn sign(&self, signer: &NoteSigner) -> Result<Note, CheckpointError> {
        let mut note = Note::new(&self.to_string())?;
        note.sign(signer)?;
        Ok(note)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Text);
        };
        let size: u64 = size.parse().map_err(|_| CheckpointError::Text)?;
        let root: Hash = root.parse().map_err(|_| CheckpointError::Text)?;
        let checkpoint = Self { origin: origin.to_owned(), size, root };
        if origin.is_empty() || checkpoint.to_string() != text {
            return Err(CheckpointError::Text);
        }
        if size == 0 && root != Hash::empty_tree() {
            return Err(CheckpointError::Empty);
        }
        Ok(checkpoint)
    }
}
