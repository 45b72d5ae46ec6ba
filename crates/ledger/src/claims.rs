//! Claims on blobs: a command that names a blob is on its way, so a sweep must not remove the blob.
//!
//! Invariant: a claim lasts until the end of the sweep after the one that began next.

use std::collections::BTreeSet;

use evidence::Digest;

/// Blobs that were claimed since the last sweep began, and in the interval before that.
#[derive(Debug, Default)]
pub struct Claims {
    since: BTreeSet<Digest>,
    before: BTreeSet<Digest>,
}

impl Claims {
    pub fn add(&mut self, digest: Digest) {
        self.since.insert(digest);
    }

    /// Begins a sweep: the claims from before the last sweep end.
    pub fn begin_sweep(&mut self) {
        self.before = std::mem::take(&mut self.since);
    }

    pub fn has(&self, digest: &Digest) -> bool {
        self.since.contains(digest) || self.before.contains(digest)
    }
}
