//! Files that a person keeps private, and files that people pass on to each other.
//!
//! Invariant: a file is written whole or not at all.

use std::io;
use std::path::Path;

use crate::error::Error;

/// Writes a file that only its owner can read, completely or not at all.
pub fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let path = std::path::absolute(path)?;
    private_dir(path.parent().unwrap_or(&path))?;
    Ok(disk::replace("people.private", &path, text.as_bytes(), 0o600)?)
}

/// Reads a small file of text, such as one that was written here.
pub fn read_text(path: &Path) -> io::Result<String> {
    let (bytes, _) = disk::read_bounded(path, TEXT_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Makes a directory that only its owner can enter.
pub fn private_dir(dir: &Path) -> Result<(), Error> {
    Ok(disk::private_dir(dir)?)
}

/// Writes a file that people pass on to each other.
pub fn write_shared(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = std::path::absolute(file)?;
    if let Some(dir) = file.parent().filter(|dir| !dir.is_dir()) {
        let what = format!("cannot write `{}`: there is no directory `{}`", file.display(), dir.display());
        return Err(Error::unusable(format!("{what}; make it, or name another file")));
    }
    Ok(disk::replace("people.file", &file, bytes, 0o644)?)
}

const TEXT_BYTES_MAX: u64 = 1 << 20;
