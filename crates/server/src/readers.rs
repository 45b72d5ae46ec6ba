//! Read-only connections for handlers, from a small pool; each is used by one thread at a time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ledger::{LedgerError, Reader};

/// A pool of readers of one data directory.
#[derive(Debug)]
pub struct Readers {
    dir: PathBuf,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    /// A pool for the ledger in `dir`; connections are opened when they are first needed.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), idle: Mutex::new(Vec::new()) }
    }

    /// Runs `work` with a reader.
    ///
    /// # Errors
    /// `LedgerError` if no connection can be opened, or the error of `work`.
    pub fn with<T, E: From<LedgerError>>(&self, work: impl FnOnce(&Reader) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.dir)?,
        };
        let done = work(&reader);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(reader);
        }
        done
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

const IDLE_MAX: usize = 8;
