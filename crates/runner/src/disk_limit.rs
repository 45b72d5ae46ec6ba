//! Files of a store that has a limit: how large they are together, and which ones go first.
//!
//! Invariant: the files that were stored longest ago go first, and no more of them than the limit demands.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A limit of a store, and what one holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
}

/// A file of a store.
#[derive(Debug)]
pub struct StoredFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was stored, or stored again.
    pub stored_at: SystemTime,
}

/// A file system that failed at a path.
pub type ListError = (PathBuf, io::Error);

impl Size {
    /// The size of these files.
    pub fn of(files: &[StoredFile]) -> Self {
        Self { bytes: files.iter().map(|file| file.bytes).sum(), files: files.len() as u64 }
    }

    /// This size with one more file.
    pub const fn with(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(bytes), files: self.files.saturating_add(1) }
    }

    /// This size without one of its files.
    pub const fn without(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_sub(bytes), files: self.files.saturating_sub(1) }
    }

    /// Whether a store of this size is within a limit.
    pub const fn fits(self, limit: Self) -> bool {
        self.bytes <= limit.bytes && self.files <= limit.files
    }
}

/// Space that a directory takes up on its disk, counted until it is more than `most`. Files that go meanwhile count nothing.
pub fn taken_up(dir: &Path, most: u64) -> u64 {
    let (mut open, mut bytes) = (vec![dir.to_path_buf()], 0_u64);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            bytes = bytes.saturating_add((meta.blocks() * BLOCK_BYTES).max(FILE_BYTES));
            if bytes > most {
                return bytes;
            }
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    bytes
}

/// All files in these directories.
///
/// # Errors
/// `ListError` if they cannot be listed.
pub fn list(dirs: &[PathBuf]) -> Result<Vec<StoredFile>, ListError> {
    let mut files = Vec::new();
    for dir in dirs {
        let failed = |error| (dir.clone(), error);
        for entry in fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            match fs::metadata(&path) {
                Ok(meta) => {
                    let stored_at = meta.modified().map_err(failed)?;
                    files.push(StoredFile { path, bytes: meta.len(), stored_at });
                }
                // Another thread has just renamed its temporary file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err((path, error)),
            }
        }
    }
    Ok(files)
}

/// The files that have to go, down to nine tenths of the limit, so that files are not listed for each new one.
pub fn surplus(mut files: Vec<StoredFile>, limit: Size) -> Vec<StoredFile> {
    files.sort_by_key(|file| file.stored_at);
    let low = Size { bytes: limit.bytes / 10 * 9, files: limit.files / 10 * 9 };
    let mut held = Size::of(&files);
    let count = files.iter().take_while(|file| {
        let goes = !held.fits(low);
        held = held.without(file.bytes);
        goes
    });
    let count = count.count();
    files.truncate(count);
    files
}

/// Unit in which a file system counts (stat(2), `st_blocks`).
const BLOCK_BYTES: u64 = 512;
/// Least that one file counts: its name and its place in the file system.
const FILE_BYTES: u64 = 4096;
