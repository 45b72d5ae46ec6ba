//! Why a view cannot be read or written.

use std::path::PathBuf;

use review::rescan::AdvisoriesFault;

use ledger::LedgerError;

/// Why a view cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The file did not become durable.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// SQLite failed.
    #[error("views: {0}; `countersign audit verify --rebuild-views` rebuilds them")]
    Sql(#[from] rusqlite::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry cannot be read.
    #[error("views: {0}")]
    Entry(String),
    /// The file failed.
    #[error("views: cannot {0} `{1}`: {2}")]
    Io(&'static str, PathBuf, std::io::Error),
    /// The advisories cannot be read.
    #[error(transparent)]
    Advisories(#[from] AdvisoriesFault),
}
