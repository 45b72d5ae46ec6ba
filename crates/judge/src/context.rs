//! Knowledge of a judge before it reads a bundle: the pinned root, and the verification context.

use evidence::report::Running;
use evidence::status::StatusFile;
use evidence::{Digest, Moment};

use crate::continuity::PinnedCheckpoint;

/// The trust root that the judge believes without proof.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// Version of the pinned root.
    pub version: u32,
    /// Its digest.
    pub digest: Digest,
    /// Whether a rehearsal's root is accepted.
    pub rehearsal: bool,
}

/// The judge's own knowledge: the highest numbers that it has seen, the ledger as it has seen it, and the time.
/// The default knows nothing and judges at the bundle's quorum time.
#[derive(Clone, Debug, Default)]
pub struct VerificationContext {
    /// The moment; `None` judges at the bundle's own quorum time.
    pub now: Option<Moment>,
    /// Highest version of the trust root.
    pub root: u32,
    /// Highest number of a status.
    pub status: u64,
    /// Statuses that came by another way; the one with the highest number counts, wherever it came from.
    pub newer: Vec<StatusFile>,
    /// Highest number of an environment statement of the place.
    pub statement: u64,
    /// Highest number of a release at the place; it must be below.
    pub release: u64,
    /// The release that runs at the place; `None` when the judge does not know, `Some(None)` when nothing runs.
    pub running: Option<Option<Running>>,
    /// The ledger, where it was seen before.
    pub ledger: Option<PinnedCheckpoint>,
}
