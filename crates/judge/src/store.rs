//! Access to bytes of a ledger: blobs by digest, entries by number.
//!
//! Invariant: an implementation has checked each blob against its digest and each entry against its commitments.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::entry::Entry;

/// Bytes of a ledger.
pub trait Store {
    /// Reads a blob.
    ///
    /// # Errors
    /// `Unavailable` when the blob is missing or does not match its digest.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable>;

    /// Reads an entry.
    ///
    /// # Errors
    /// `Unavailable` when the entry is missing or unsound.
    fn entry(&self, number: u64) -> Result<Entry, Unavailable>;
}

/// Bytes are unavailable. This is never a reason to pass anything.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl Unavailable {
    /// Wraps any error.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Envelopes, sorted by the digests of their payloads, without duplicates.
pub fn envelopes<'a>(
    store: &dyn Store,
    digests: impl IntoIterator<Item = &'a Digest>,
) -> Result<Vec<Envelope>, Unavailable> {
    let mut found = BTreeMap::new();
    for digest in digests {
        let envelope = envelope(store, digest)?;
        found.insert(envelope.payload_digest(), envelope);
    }
    Ok(found.into_values().collect())
}

/// Envelopes, in the order of these digests.
pub fn in_order(store: &dyn Store, digests: &[Digest]) -> Result<Vec<Envelope>, Unavailable> {
    digests.iter().map(|digest| envelope(store, digest)).collect()
}

/// An envelope.
pub fn envelope(store: &dyn Store, digest: &Digest) -> Result<Envelope, Unavailable> {
    Envelope::decode(&store.blob(digest)?).map_err(Unavailable::of)
}
