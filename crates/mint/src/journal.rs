//! The journal of leases: a file with every lease whose role may exist.
//!
//! Invariant: a lease is in the file before its role is made, and stays until the role is known to be gone. A holder that
//! was killed reads it at its start and revokes what is in it. The journal has names and times alone, never a password.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use disk::DiskError;
use serde::{Deserialize, Serialize};

use crate::error::JournalError;
use crate::lease::{Lease, LeaseId};

/// Most leases of a holder at the same time.
pub const LEASES_MAX: usize = 16_384;
/// Name of the file in a holder's directory.
pub const FILE: &str = "leases.json";

/// A holder's leases.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    leases: BTreeMap<LeaseId, Lease>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u8,
    leases: Vec<Lease>,
}

impl Journal {
    /// The journal in a directory; empty if there is no file yet.
    ///
    /// # Errors
    /// `JournalError` when there is a file that cannot be read: leases of it may exist, so nothing is minted before a person
    /// has looked.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(FILE);
        let shown = || path.display().to_string();
        let bytes = match disk::read_bounded(&path, BYTES_MAX) {
            Ok((bytes, _)) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, leases: BTreeMap::new() });
            }
            Err(error) => return Err(JournalError::Read(shown(), error)),
        };
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|error| JournalError::Unsound(shown(), error.to_string()))?;
        if file.v != 1 {
            return Err(JournalError::Unsound(shown(), format!("version {} is unknown", file.v)));
        }
        let leases = file.leases.into_iter().map(|lease| (lease.id, lease)).collect();
        Ok(Self { path, leases })
    }

    /// Writes a lease down, before its role is made.
    ///
    /// # Errors
    /// `JournalError`: then the role must not be made.
    pub fn begin(&mut self, lease: Lease) -> Result<(), JournalError> {
        if self.leases.len() >= LEASES_MAX {
            return Err(JournalError::Full(LEASES_MAX));
        }
        let id = lease.id;
        self.leases.insert(id, lease);
        self.write().inspect_err(|_| drop(self.leases.remove(&id)))
    }

    /// Removes leases whose roles are gone.
    ///
    /// # Errors
    /// `JournalError`: then they are revoked once more, which does no harm.
    pub fn end(&mut self, ids: &[LeaseId]) -> Result<(), JournalError> {
        let before = self.leases.len();
        let ended: BTreeSet<_> = ids.iter().collect();
        self.leases.retain(|id, _| !ended.contains(id));
        if self.leases.len() == before { Ok(()) } else { self.write() }
    }

    /// Every lease whose role may exist.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }

    fn write(&self) -> Result<(), JournalError> {
        let file = File { v: 1, leases: self.leases.values().cloned().collect() };
        let unwritten = |source| DiskError { doing: "write", path: self.path.clone(), source };
        let bytes = serde_json::to_vec(&file).map_err(|error| unwritten(error.into()))?;
        Ok(disk::replace("mint.leases", &self.path, &bytes, 0o600)?)
    }
}

/// More than `LEASES_MAX` leases of the same database need; an authority in PEM has some 2 KiB.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::{Target, Terms};

    fn lease() -> Lease {
        let target = Target {
            host: "127.0.0.1".into(),
            port: 5432,
            database: "shop".parse().unwrap(),
            authority: None,
        };
        let until = "2026-11-29T12:00:00.000Z".parse().unwrap();
        let terms = Terms { owner: "shop_owner".parse().unwrap(), until, connections: 4 };
        Lease { id: LeaseId::draw().unwrap(), credential: "shop-db".into(), target, terms }
    }

    #[test]
    fn a_lease_stays_over_a_restart_until_it_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (lease(), lease());
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.begin(one.clone()).unwrap();
        journal.begin(other.clone()).unwrap();
        let mut again = Journal::open(dir.path()).unwrap();
        assert_eq!(again.leases().count(), 2);
        again.end(&[one.id]).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().leases().collect::<Vec<_>>(), [&other]);
    }

    #[test]
    fn nothing_is_minted_that_is_not_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("missing")).unwrap();
        let said = journal.begin(lease()).unwrap_err().to_string();
        assert!(said.starts_with("cannot create `"), "{said}");
        assert_eq!(journal.leases().count(), 0);
        let mut full = Journal::open(dir.path()).unwrap();
        full.leases = (0..LEASES_MAX).map(|_| lease()).map(|lease| (lease.id, lease)).collect();
        let said = full.begin(lease()).unwrap_err().to_string();
        assert_eq!(said, "16384 leases are in the journal, the most; drop those of databases that are away");
    }
}
