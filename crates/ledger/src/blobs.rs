//! Blobs: larger bytes in a directory, each in a file that is named by its digest.
//!
//! Invariant: a blob is durable before `put` returns, and is read only if its bytes still have its digest. A crash
//! leaves at most a file under a temporary name, which the next start removes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evidence::{Digest, Hasher};

use crate::claims::Claims;
use crate::error::LedgerError;

/// Largest blob in bytes.
pub const BLOB_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A directory of blobs: `sha256/<2 hex>/<62 hex>`.
#[derive(Clone, Debug)]
pub struct Blobs {
    dir: PathBuf,
    /// Blobs that a sweep must not remove. All clones share them, so a directory must be opened only once.
    claims: Arc<Mutex<Claims>>,
}

/// Reasons why a blob cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] LedgerError),
    /// The store does not contain the blob.
    #[error("blob {0} is not in the store")]
    Missing(Digest),
    /// The bytes of the file no longer have the digest in its name.
    #[error("blob {stated} has been changed: its bytes have digest {found}")]
    Changed {
        /// Digest that names the file.
        stated: Digest,
        /// Digest of the bytes.
        found: Digest,
    },
    /// The blob is larger than asked for or allowed.
    #[error("blob {digest} has {found} bytes, at most {max} are allowed here")]
    Long {
        /// The blob.
        digest: Digest,
        /// Size of the blob in bytes.
        found: u64,
        /// Size allowed in bytes.
        max: u64,
    },
}

impl Blobs {
    /// Opens a store, creates its directory, and removes files that a crash left unfinished.
    ///
    /// # Errors
    /// `BlobError::Io` when the directory cannot be created.
    pub fn open(dir: &Path) -> Result<Self, BlobError> {
        let temporary = dir.join(TEMPORARY);
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(LedgerError::io("remove", &temporary))?;
        }
        disk::make_dir(&temporary).map_err(LedgerError::from)?;
        Ok(Self { dir: dir.to_path_buf(), claims: Arc::default() })
    }

    /// Opens a store for reading. Nothing is created or removed.
    #[must_use]
    pub fn read_only(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), claims: Arc::default() }
    }

    /// Stores bytes durably and returns their digest. To store them again changes nothing.
    ///
    /// # Errors
    /// `BlobError` when they are too large or the file system fails.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        if bytes.len() as u64 > BLOB_BYTES_MAX {
            return Err(BlobError::Long { digest, found: bytes.len() as u64, max: BLOB_BYTES_MAX });
        }
        // Claimed before the look-up, so that no sweep removes a blob that is found here.
        self.claims().add(digest);
        if self.path(&digest).exists() {
            return Ok(digest);
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let new = self.dir.join(TEMPORARY).join(format!("{}-{number}", std::process::id()));
        disk::write(&new, bytes, 0o644).map_err(LedgerError::from)?;
        self.settle(&new, &digest)?;
        Ok(digest)
    }

    /// Renames a durable file to the name of its digest.
    fn settle(&self, new: &Path, digest: &Digest) -> Result<(), BlobError> {
        self.claims().add(*digest);
        let path = self.path(digest);
        let parent = path.parent().unwrap_or(&self.dir);
        disk::make_dir(parent).map_err(LedgerError::from)?;
        Ok(disk::rename("ledger.blob", new, &path).map_err(LedgerError::from)?)
    }

    /// Starts to receive a blob in pieces.
    ///
    /// # Errors
    /// `BlobError::Io` when no file can be created.
    pub fn receive(&self) -> Result<Incoming, BlobError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(TEMPORARY).join(format!("{}-{number}", std::process::id()));
        let file = disk::create(&path, 0o644).map_err(LedgerError::from)?;
        Ok(Incoming { blobs: self.clone(), path, file, hasher: Hasher::default(), size: 0, done: false })
    }

    /// Opens a blob for reading in pieces, unverified. The reader has to compare the digest.
    ///
    /// # Errors
    /// `BlobError::Missing` when the store does not contain it.
    pub fn open_file(&self, digest: &Digest) -> Result<(File, u64), BlobError> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|_| BlobError::Missing(*digest))?;
        let size = file.metadata().map_err(LedgerError::io("read", &path))?.len();
        Ok((file, size))
    }

    /// Whether the store contains a blob. The blob is not read, but it is claimed, so that no sweep removes it before
    /// the caller names it.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        let mut claims = self.claims();
        let here = self.path(digest).is_file();
        if here {
            claims.add(*digest);
        }
        here
    }

    pub(crate) fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a blob of at most `bytes_max` bytes and checks it.
    ///
    /// # Errors
    /// `BlobError` when it is missing, changed or too large.
    pub fn read(&self, digest: &Digest, bytes_max: u64) -> Result<Vec<u8>, BlobError> {
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(BlobError::Missing(*digest));
            }
            Err(source) => return Err(LedgerError::io("open", &path)(source).into()),
        };
        let size = file.metadata().map_err(LedgerError::io("read", &path))?.len();
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(LedgerError::io("read", &path))?;
        if bytes.len() as u64 > bytes_max {
            return Err(BlobError::Long { digest: *digest, found: size, max: bytes_max });
        }
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(BlobError::Changed { stated: *digest, found }) }
    }

    /// All files of the store, each with the digest that its name states, if it states one.
    ///
    /// # Errors
    /// `BlobError::Io` when a directory cannot be read.
    pub fn files(&self) -> Result<Vec<(PathBuf, Option<Digest>)>, BlobError> {
        let mut found = Vec::new();
        for dir in list(&self.root())? {
            for path in if dir.is_dir() { list(&dir)? } else { vec![dir] } {
                let digest = self.digest_of(&path);
                found.push((path, digest));
            }
        }
        found.sort();
        Ok(found)
    }

    pub(crate) fn digest_of(&self, path: &Path) -> Option<Digest> {
        let name = path.file_name()?.to_str()?;
        let start = path.parent()?.file_name()?.to_str()?;
        let digest: Digest = format!("sha256:{start}{name}").parse().ok()?;
        (self.path(&digest) == path).then_some(digest)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("sha256")
    }

    /// Path of a blob.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let (start, rest) = hex.split_at(2);
        self.root().join(start).join(rest)
    }
}

/// A blob that is being received. A crash leaves at most a file under a temporary name.
#[derive(Debug)]
pub struct Incoming {
    blobs: Blobs,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    size: u64,
    done: bool,
}

impl Incoming {
    /// Adds the next piece.
    ///
    /// # Errors
    /// `BlobError` when the blob becomes too large or cannot be written.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.size += piece.len() as u64;
        if self.size > BLOB_BYTES_MAX {
            let digest = Digest::of(piece);
            return Err(BlobError::Long { digest, found: self.size, max: BLOB_BYTES_MAX });
        }
        self.hasher.update(piece);
        Ok(self.file.write_all(piece).map_err(LedgerError::io("write", &self.path))?)
    }

    /// Makes the blob durable, if its bytes have the announced digest.
    ///
    /// # Errors
    /// `BlobError::Changed` when they have another digest.
    pub fn finish(mut self, stated: Digest) -> Result<(), BlobError> {
        let found = std::mem::take(&mut self.hasher).finish();
        if found != stated {
            return Err(BlobError::Changed { stated, found });
        }
        disk::sync(&self.file, &self.path).map_err(LedgerError::from)?;
        self.done = true;
        self.blobs.settle(&self.path, &stated)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.done {
            drop(fs::remove_file(&self.path));
        }
    }
}

pub fn list(dir: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).map_err(LedgerError::io("read", dir))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(LedgerError::io("read", dir))).collect()
}

const TEMPORARY: &str = "incoming";
static NEXT: AtomicU64 = AtomicU64::new(0);
