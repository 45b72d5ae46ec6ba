//! Removal of blobs that no entry names. They belong to commands that never came, or that were refused before a
//! decision.
//!
//! Invariant: a blob stays if an entry names it, if it is young, or if it was claimed after the sweep before the last
//! one began. `put` and `has` claim a blob, and a command is sent only after them. So the blobs of a command on its way
//! are safe, even if the clock of the file system is wrong. If anything cannot be read, nothing is removed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use evidence::Digest;
use evidence::entry::Header;

use crate::Reader;
use crate::blobs::{BlobError, Blobs, list};
use crate::error::LedgerError;

impl Blobs {
    /// Removes the blobs that no entry names and that are older than `age`, and returns their number. Ends early when
    /// `go_on` returns `false`.
    ///
    /// # Errors
    /// `BlobError::Io` when the ledger or a directory cannot be read.
    pub fn sweep(&self, reader: &Reader, age: Duration, go_on: &dyn Fn() -> bool) -> Result<u64, BlobError> {
        self.claims().begin_sweep();
        let mut removed = 0;
        let mut candidates = BTreeSet::new();
        let mut shards = self.shards()?.into_iter().peekable();
        while let Some(shard) = shards.next() {
            candidates.extend(self.old(&shard, age)?);
            if candidates.len() < PASS_MAX && shards.peek().is_some() {
                continue;
            }
            if !unname(reader, &mut candidates, go_on)? {
                return Ok(removed);
            }
            for digest in std::mem::take(&mut candidates) {
                removed += u64::from(self.remove(&digest, age)?);
            }
        }
        Ok(removed)
    }

    /// Blobs of a directory that are old enough to remove.
    fn old(&self, shard: &Path, age: Duration) -> Result<Vec<Digest>, BlobError> {
        Ok(list(shard)?
            .iter()
            .filter(|path| is_old(path, age))
            .filter_map(|path| self.digest_of(path))
            .collect())
    }

    fn remove(&self, digest: &Digest, age: Duration) -> Result<bool, BlobError> {
        let path = self.path(digest);
        // The lock is held during the removal. A caller that asks afterwards sees that the blob is gone and stores it
        // again.
        let claims = self.claims();
        if claims.has(digest) || !is_old(&path, age) {
            return Ok(false);
        }
        fs::remove_file(&path).map_err(LedgerError::io("remove", &path))?;
        drop(claims);
        Ok(true)
    }

    fn shards(&self) -> Result<Vec<PathBuf>, BlobError> {
        Ok(list(&self.root())?.into_iter().filter(|path| path.is_dir()).collect())
    }
}

/// Keeps only the candidates that no entry names; `false` if the sweep was to end early.
fn unname(
    reader: &Reader,
    candidates: &mut BTreeSet<Digest>,
    go_on: &dyn Fn() -> bool,
) -> Result<bool, LedgerError> {
    let mut at = 0;
    while !candidates.is_empty() {
        let size = reader.head()?.frontier.size();
        if at == size {
            return Ok(true);
        }
        while at < size {
            if !go_on() {
                return Ok(false);
            }
            for entry in reader.unchecked(at, size)? {
                let header = Header::decode(&entry.header).map_err(|error| LedgerError::Row {
                    place: format!("entry {at}"),
                    what: error.to_string(),
                })?;
                for named in &header.blobs {
                    candidates.remove(named);
                }
                at += 1;
            }
        }
    }
    Ok(true)
}

/// Whether a file is older than `age`. A file with a time in the future is not.
fn is_old(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|meta| meta.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|since| since >= age))
}

/// Highest number of blobs to look for in one pass over the entries.
const PASS_MAX: usize = 65_536;
