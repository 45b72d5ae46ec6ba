//! Where bytes come from: blobs by digest, entries by number.
//!
//! Invariant: whoever implements it has checked a blob against its digest and an entry against its
//! commitments.

use evidence::Digest;
use evidence::entry::Entry;

/// Bytes of a ledger.
pub trait Store {
    /// A blob.
    ///
    /// # Errors
    /// `Unavailable` when it is not there or not what its digest says.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable>;

    /// An entry.
    ///
    /// # Errors
    /// `Unavailable` when it is not there or not sound.
    fn entry(&self, number: u64) -> Result<Entry, Unavailable>;
}

/// Why bytes cannot be had; never a reason to pass anything.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl Unavailable {
    /// Wraps any error.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}
