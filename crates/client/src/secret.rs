//! Secrets in files: keys of machines, and PINs of devices.
//!
//! Invariant: a secret that others can read is refused, so that nobody gets used to such a file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file system failed.
    #[error("cannot read key `{path}`: {1}; {LOST}", path = .0.display())]
    Read(PathBuf, io::Error),
    /// Others can read the file; its mode is the second field.
    #[error("key `{path}` can be read by others (mode {1:o}); `chmod 600 {path}`", path = .0.display())]
    Shared(PathBuf, u32),
}

/// Reads a secret that only its owner may be able to read.
pub fn read(path: &Path) -> Result<String, SecretError> {
    let failed = |error| SecretError::Read(path.to_path_buf(), error);
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SecretError::Shared(path.to_path_buf(), mode & 0o777));
    }
    fs::read_to_string(path).map_err(failed)
}

/// The remedy for a secret that is missing or damaged.
pub(crate) const LOST: &str =
    "restore it from your backup; docs/operating/keys.md describes how each key is replaced";
