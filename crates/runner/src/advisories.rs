//! The file of a database of advisories, read in parts.
//!
//! Invariant: the file is read and never written here; `scan::advisories` checks each part that it gets. A database that
//! is missing or damaged is an error with its remedy, and never "no advisories".

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use evidence::document::Knowledge;
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

/// The operator's database, as one scan uses it.
#[derive(Debug)]
pub struct OperatorAdvisories {
    /// Its file, without links.
    pub file: PathBuf,
    /// Its source, digest and date.
    pub knowledge: Knowledge,
}

/// Why a runner has no advisories for a scan.
#[derive(Debug, thiserror::Error)]
pub enum OperatorAdvisoriesError {
    /// There is no database.
    #[error("this runner has no advisories; its operator gets them with `countersign osv sync`")]
    Missing,
    /// No sandbox can show a file at this path.
    #[error(
        "a sandbox cannot show the advisories `{}`; have the operator name a file outside of /proc, /sys, /dev and /work with `--advisories`", .0.display()
    )]
    Place(PathBuf),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] AdvisoriesError),
}

impl OperatorAdvisories {
    /// Opens the operator's database. A scan opens it each time, because `countersign osv sync` replaces it.
    ///
    /// # Errors
    /// `OperatorAdvisoriesError` if it is missing, damaged, or where no sandbox can show it.
    pub fn at(place: Option<&Path>) -> Result<Self, OperatorAdvisoriesError> {
        let place = place.ok_or(OperatorAdvisoriesError::Missing)?;
        let file = std::fs::canonicalize(place).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => OperatorAdvisoriesError::Missing,
            _ => AdvisoriesError::Read(error).into(),
        })?;
        if !sandbox::can_be_bound(&file) || file.to_str().is_none() {
            return Err(OperatorAdvisoriesError::Place(file));
        }
        let knowledge = open_advisories(&file)?.knowledge();
        Ok(Self { file, knowledge })
    }
}
