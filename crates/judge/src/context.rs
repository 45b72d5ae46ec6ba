//! Knowledge of a judge before it reads a bundle: the pinned root, and the verification context.
//!
//! Invariant: a bundle never supplies any of it. The check of a number that the judge does not know is skipped.

use evidence::report::Running;
use evidence::status::StatusFile;
use evidence::{Bytes, Digest, Moment};

use crate::continuity::PinnedCheckpoint;

/// The trust root that the judge trusts without proof.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// Version of the pinned root.
    pub version: u32,
    /// Digest of the pinned root.
    pub digest: Digest,
    /// Whether a root in mode `rehearsal` is accepted.
    pub rehearsal: bool,
}

/// A checkpoint that witnesses signed after that of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshCheckpoint {
    /// The note, with its signatures.
    pub note: String,
    /// Hashes of the consistency proof between the checkpoint of the evidence and this one
    /// (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2>). Empty if the two are equal.
    pub proof: Vec<Bytes>,
}

/// An artifact that failed its judgement at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The artifact.
    pub artifact: Digest,
    /// Number of the release that failed.
    pub release: u64,
    /// Digest of the payload of the observation that says so.
    pub observation: Digest,
}

/// The judge's own knowledge: the highest numbers seen, the ledger as it was seen, and the time.
///
/// The default contains no knowledge, and judges at the bundle's quorum time.
#[derive(Clone, Debug, Default)]
pub struct VerificationContext {
    /// The time of the judgement; `None` judges at the bundle's quorum time.
    pub now: Option<Moment>,
    /// The judge's own clock, for the windows of a place; `None` asks for the witnessed time alone. `now` may be
    /// later, because a clock that was set back revives no expired statement.
    pub clock: Option<Moment>,
    /// A newer checkpoint than the one of the evidence, for its time.
    pub fresh: Option<FreshCheckpoint>,
    /// Highest version of the trust root seen.
    pub root: u32,
    /// Highest number of a status seen.
    pub status: u64,
    /// Statuses that the judge received in another way. The status with the highest number is in force, whatever its
    /// source.
    pub newer: Vec<StatusFile>,
    /// Highest number of the place's environment statement seen.
    pub statement: u64,
    /// Highest number of a release at the place seen. The judged release must be above it.
    pub release: u64,
    /// The release that runs at the place; `None` when the judge does not know, `Some(None)` when nothing runs.
    pub running: Option<Option<Running>>,
    /// Artifacts that failed their judgement at the place.
    pub bars: Vec<Bar>,
    /// The ledger, if it was seen before.
    pub ledger: Option<PinnedCheckpoint>,
}
