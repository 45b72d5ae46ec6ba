//! The evidence manifest: one digest over all evidence that an approver looked at. Format:
//! `docs/formats/evidence-manifest.md`.
//!
//! Invariant: it contains sorted digests of commits, receipts, agent reports and the outputs that policy reads. It
//! never contains approvals, enrolments, roots, status, verdicts, headers, proofs or rebuilds: those may change between
//! an approval and the release.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::{CommitId, Digest};

/// An evidence manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceManifest {
    /// Version of this format; 1.
    pub v: u8,
    /// Ids of the commits of the range, sorted.
    pub commits: Vec<CommitId>,
    /// Digests of the receipts' payloads, sorted.
    pub receipts: Vec<Digest>,
    /// Digests of the agent reports' payloads, sorted.
    pub reports: Vec<Digest>,
    /// Digests of the documents that the policy reads, sorted.
    pub outputs: Vec<Digest>,
    /// Digests of the payloads of people's statements that apply, sorted. Omitted when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Digest>,
}

impl EvidenceManifest {
    /// Creates a manifest from parts in any order.
    #[must_use]
    pub fn new(
        mut commits: Vec<CommitId>,
        mut receipts: Vec<Digest>,
        mut reports: Vec<Digest>,
        mut outputs: Vec<Digest>,
    ) -> Self {
        commits.sort();
        commits.dedup();
        for list in [&mut receipts, &mut reports, &mut outputs] {
            list.sort();
            list.dedup();
        }
        Self { v: 1, commits, receipts, reports, outputs, statements: Vec::new() }
    }

    /// The same manifest with people's statements, in any order.
    #[must_use]
    pub fn with_statements(mut self, mut statements: Vec<Digest>) -> Self {
        statements.sort();
        statements.dedup();
        self.statements = statements;
        self
    }

    /// Digest of the canonical bytes. Approvals name this digest.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&self.encode()?))
    }

    /// Encodes the manifest into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("evidence manifest", self)
    }
}
