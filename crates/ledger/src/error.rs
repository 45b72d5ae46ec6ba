//! The error of this crate: the failed operation, the file or row, and the error of the system below.

use std::path::{Path, PathBuf};

use evidence::entry::EntryError;
use tlog::CheckpointError;

use crate::layout::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, FORMAT};

/// Reasons why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system failed.
    #[error("cannot {doing} `{path}`: {source}", path = path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A write did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The database failed.
    #[error("cannot {doing}: {source}")]
    Sql {
        /// The operation.
        doing: &'static str,
        /// The error of the database.
        source: rusqlite::Error,
    },
    /// Another process has locked the directory.
    #[error("another server writes to `{0}`; stop it first")]
    Locked(PathBuf),
    /// The directory already holds a ledger.
    #[error("`{0}` already holds a ledger; nothing was changed")]
    Exists(PathBuf),
    /// The file is not a ledger, or has a newer format.
    #[error(
        "`{path}` is not a ledger of format {known} (application {application:#x}, format {format}); use the \
         program that wrote it or a newer one",
        path = path.display(), known = FORMAT
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// `application_id` found.
        application: i64,
        /// `user_version` found.
        format: i64,
    },
    /// A row is unsound.
    #[error("{place}: {what}; run `countersign audit verify`")]
    Row {
        /// Table and row.
        place: String,
        /// Description of the fault.
        what: String,
    },
    /// The caller's entry breaks a rule of the format.
    #[error("entry {at} of the batch: {source}")]
    Entry {
        /// Index in the batch.
        at: usize,
        /// The broken rule.
        source: EntryError,
    },
    /// The batch is empty or larger than allowed.
    #[error("a batch has 1 to {BATCH_ENTRIES_MAX} entries and at most {BATCH_BYTES_MAX} bytes")]
    Batch,
    /// Another process appended in between. Nothing was written.
    #[error("the ledger has grown since this append began; nothing was written")]
    Stale,
    /// The ledger does not end at the checkpoint where the new origin begins.
    #[error(
        "the ledger here has {found} entries, or other ones than the root names, which says that it ended after \
         {end}; make the root anew from this directory"
    )]
    OtherEnd {
        /// Number of entries in this ledger.
        found: u64,
        /// Number of entries at the end that the root names.
        end: u64,
    },
    /// The checkpoint could not be signed.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

impl LedgerError {
    pub(crate) fn sql(doing: &'static str) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |source| Self::Sql { doing, source }
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn row(place: &str, what: impl ToString) -> Self {
        Self::Row { place: place.to_owned(), what: what.to_string() }
    }
}
