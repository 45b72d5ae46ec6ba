//! Status files that lie in an agent's directory: a person can give one if the server withholds the status.
//!
//! Invariant: a file that cannot be read is an error, because it may hold a freeze.

use std::io::ErrorKind;
use std::path::Path;

use evidence::dsse::ENVELOPE_BYTES_MAX;
use evidence::status::StatusFile;

use crate::error::StatusFileError;
use crate::memory::Memory;

/// The status file in an agent's directory, which a person can write if the server withholds the status.
///
/// # Errors
/// `StatusFileError` when there is one that cannot be read.
pub fn read_status(dir: &Path) -> Result<Option<StatusFile>, StatusFileError> {
    read_file(dir, STATUS_FILE)
}

/// The status that lay there until one that cannot be read took its place.
///
/// # Errors
/// `StatusFileError` when there is one that cannot be read.
pub fn read_aside(dir: &Path) -> Result<Option<StatusFile>, StatusFileError> {
    read_file(dir, ASIDE_FILE)
}

impl Memory {
    /// Takes both files into account: every judgement of an agent begins with this. Returns the first one.
    ///
    /// # Errors
    /// `StatusFileError` when one of them cannot be read.
    pub(crate) fn take_files(&mut self, dir: &Path) -> Result<Option<StatusFile>, StatusFileError> {
        let by_hand = read_status(dir)?;
        self.aside = read_aside(dir)?;
        Ok(by_hand)
    }
}

fn read_file(dir: &Path, name: &str) -> Result<Option<StatusFile>, StatusFileError> {
    let path = dir.join(name);
    let bytes = match disk::read_bounded(&path, 2 * ENVELOPE_BYTES_MAX as u64) {
        Ok((bytes, _)) => bytes,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound => Ok(None),
                ErrorKind::FileTooLarge => Err(StatusFileError::Long(path)),
                _ => Err(StatusFileError::Read(path, error)),
            };
        }
    };
    StatusFile::decode(&bytes).map(Some).map_err(|error| StatusFileError::Status(path, error))
}

/// Name of the file by which a person can give a status to an agent.
pub const STATUS_FILE: &str = "status.json";
/// Name of the file to which such a status goes when one that cannot be read takes its place.
pub const ASIDE_FILE: &str = "status-before.json";
