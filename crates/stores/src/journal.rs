//! The journal of leases of stores: a file for each step, with the accessor of the token under which its user was made.
//!
//! Invariant: the file is durable before the user is made, and goes only after the store has ended the token. An accessor lets
//! nobody use a token; it can only look it up and revoke it. Files hold no value, no token and no name of a user.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evidence::{Id, Name};
use serde::{Deserialize, Serialize};

use crate::error::StoresError;

/// The file of one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseJournal(PathBuf);

/// A lease that may exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseNote {
    /// Version of this format; 1.
    pub v: u8,
    /// The store.
    pub store: Name,
    /// Accessor of the token, by which it is revoked.
    pub accessor: String,
}

impl LeaseJournal {
    /// The journal of one secret of the step with this nonce.
    #[must_use]
    pub fn of(dir: &Path, nonce: Id, secret: &Name) -> Self {
        Self(dir.join(format!("{nonce}.{secret}")))
    }

    /// Every journal in a directory, with the nonce of its step.
    ///
    /// # Errors
    /// `StoresError` if the directory cannot be read.
    pub fn all(dir: &Path) -> Result<Vec<(Id, Self)>, StoresError> {
        let files = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(|error| StoresError::Io(dir.to_path_buf(), error))?,
        };
        let mut found = Vec::new();
        for file in files.take(LEASES_MAX) {
            let file = file.map_err(|error| StoresError::Io(dir.to_path_buf(), error))?;
            let name = file.file_name();
            let nonce =
                name.to_str().and_then(|name| name.split_once('.')).filter(|(_, rest)| !rest.contains('.'));
            // The rest of a write that a crash has cut short is no lease: none was made after it.
            if let Some(nonce) = nonce.and_then(|(nonce, _)| nonce.parse().ok()) {
                found.push((nonce, Self(file.path())));
            }
        }
        Ok(found)
    }

    /// Writes a lease down, before it is asked for.
    ///
    /// # Errors
    /// `StoresError`: then it must not be asked for.
    pub fn note(&self, note: &LeaseNote) -> Result<(), StoresError> {
        let failed = |error: &dyn std::fmt::Display| StoresError::Journal(error.to_string());
        let bytes = serde_json::to_vec(note).map_err(|error| failed(&error))?;
        if let Some(dir) = self.0.parent() {
            disk::private_dir(dir).map_err(|error| failed(&error))?;
        }
        disk::replace("stores.lease", &self.0, &bytes, 0o600).map_err(|error| failed(&error))
    }

    /// The lease that was written down.
    ///
    /// # Errors
    /// `StoresError` if it cannot be read.
    pub fn read(&self) -> Result<LeaseNote, StoresError> {
        let read = disk::read_bounded(&self.0, NOTE_BYTES_MAX);
        let (bytes, _) = read.map_err(|error| StoresError::Io(self.0.clone(), error))?;
        let note: LeaseNote = serde_json::from_slice(&bytes)
            .map_err(|error| StoresError::Unsound(self.0.clone(), error.to_string()))?;
        match note.v {
            1 => Ok(note),
            v => Err(StoresError::Unsound(self.0.clone(), format!("version {v} is unknown"))),
        }
    }

    /// Forgets a lease that has ended.
    ///
    /// # Errors
    /// `StoresError`: then it is revoked once more, which does no harm.
    pub fn forget(&self) -> Result<(), StoresError> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoresError::Io(self.0.clone(), error))
            }
            _ => Ok(()),
        }
    }
}

const NOTE_BYTES_MAX: u64 = 4096;
/// More than a runner has steps with secrets.
const LEASES_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_stays_in_the_journal_until_it_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("store-leases");
        assert_eq!(LeaseJournal::all(&at).unwrap(), []);
        let (nonce, secret) = (Id::from_random([7; 16]), "db".parse().unwrap());
        let journal = LeaseJournal::of(&at, nonce, &secret);
        let note = LeaseNote { v: 1, store: "bao".parse().unwrap(), accessor: "2c84f488".into() };
        journal.note(&note).unwrap();
        disk::write(&at.join(format!("{nonce}.db.new")), b"{", 0o600).unwrap();
        assert_eq!(LeaseJournal::all(&at).unwrap(), [(nonce, journal.clone())]);
        assert_eq!(journal.read().unwrap(), note);
        disk::write(&journal.0, br#"{"v":2,"store":"bao","accessor":"x"}"#, 0o600).unwrap();
        assert!(journal.read().unwrap_err().to_string().contains("version 2 is unknown"));
        journal.forget().unwrap();
        journal.forget().unwrap();
        assert_eq!(LeaseJournal::all(&at).unwrap(), []);
    }
}
