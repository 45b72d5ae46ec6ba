//! Logs while they are being written: pieces appended to a file, until the log is a blob named by a report.
//!
//! Invariant: a live log is a courtesy, bounded in size; what counts is the blob.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use wire::LOG_PIECE_BYTES_MAX;

/// Live logs of one data directory.
#[derive(Debug)]
pub struct Logs {
    dir: PathBuf,
}

impl Logs {
    /// Live logs below the data directory; what an earlier process left is removed.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let dir = data.join("live-logs");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Appends a piece; past the limit it is dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, name: &str, piece: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.dir.join(name))?;
        if file.metadata()?.len() + piece.len() as u64 > LOG_BYTES_MAX {
            return Ok(());
        }
        file.write_all(piece)
    }

    /// A piece from an offset on; nothing when there is no such log yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, name: &str, from: u64) -> io::Result<Vec<u8>> {
        match File::open(self.dir.join(name)) {
            Ok(mut file) => piece_of(&mut file, from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Removes a log that is complete elsewhere.
    pub fn remove(&self, name: &str) {
        drop(fs::remove_file(self.dir.join(name)));
    }
}

/// As much of a file from an offset on as goes into one answer.
///
/// # Errors
/// When it cannot be read.
pub fn piece_of(file: &mut File, from: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.min(size)))?;
    file.take(LOG_PIECE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Largest live log.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;
