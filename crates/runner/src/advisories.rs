//! The file of a database of advisories, read in parts.
//!
//! Invariant: the file is read and never written here; `scan::advisories` checks each part that it gets.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use scan::advisories::{AdvisoriesError, Database, Source};

struct AdvisoriesFile(File);

impl Source for AdvisoriesFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }
}

/// Opens a database of advisories.
///
/// # Errors
/// `AdvisoriesError` when the file cannot be read, or is damaged.
pub fn open_advisories(path: &Path) -> Result<Database, AdvisoriesError> {
    Database::open(AdvisoriesFile(File::open(path).map_err(AdvisoriesError::Read)?))
}
