//! The reasons why the writer cannot decide or append.

use domain::{EventError, Refusal};
use evidence::canonical::CanonicalError;
use evidence::entry::EntryError;
use evidence::records::RecordError;
use evidence::{Moment, NameError};
use ledger::LedgerError;

use crate::quotas::QuotaError;
use crate::salt::NoRandomness;

/// Why the writer could not work.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry is not an event that this program knows.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An entry could not be made or is invalid.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Facts or particulars could not be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A line about a read is unsound.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No randomness for a salt.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The operator's quotas are invalid.
    #[error(transparent)]
    Quotas(#[from] QuotaError),
    /// A name that this program uses itself is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The clock is behind the ledger.
    #[error("the clock says {now}, but the ledger's last entry is of {last}; set the clock")]
    Clock {
        /// Time of the clock.
        now: Moment,
        /// Time of the last entry.
        last: Moment,
    },
    /// The flow would not end.
    #[error("more than {FOLLOWING_MAX} commands follow from one; this is a bug")]
    Endless,
    /// A command of the flow was refused.
    #[error("a command that follows automatically was refused; this is a bug: {0}")]
    Flow(Refusal),
    /// The thread could not be started.
    #[error("cannot start the writer's thread: {0}")]
    Thread(String),
}

impl WriterError {
    pub(crate) fn particulars(source: serde_json::Error) -> Self {
        Self::Canonical(CanonicalError::Shape { what: "particulars", source })
    }
}

/// Most commands that may follow from one.
pub const FOLLOWING_MAX: usize = 1_000;
