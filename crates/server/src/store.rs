//! The ledger's bytes as the judge reads them: blobs verified by digest, entries by their commitments.

use evidence::Digest;
use evidence::entry::Entry;
use judge::{Store, Unavailable};
use ledger::{Blobs, LedgerError};

use crate::readers::Readers;

/// Entries and blobs of one data directory.
#[derive(Clone, Copy, Debug)]
pub struct LedgerStore<'a> {
    readers: &'a Readers,
    blobs: &'a Blobs,
}

impl<'a> LedgerStore<'a> {
    /// A store that reads through these readers and blobs.
    #[must_use]
    pub const fn new(readers: &'a Readers, blobs: &'a Blobs) -> Self {
        Self { readers, blobs }
    }
}

impl Store for LedgerStore<'_> {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        self.blobs.read(digest, BLOB_BYTES_MAX).map_err(Unavailable::of)
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        let found = self.readers.with(|reader| reader.entries(number, number + 1));
        let entry = found.map_err(|error: LedgerError| Unavailable::of(error))?.into_iter().next();
        let entry = entry.ok_or_else(|| Unavailable(format!("entry {number} is missing")))?;
        entry.check().map_err(Unavailable::of)?;
        Ok(entry)
    }
}

/// Largest blob that a decision reads.
const BLOB_BYTES_MAX: u64 = 64 * 1024 * 1024;
