//! The input and the result of a verification: the keys that count, and the faults that were found.

use tlog::{Checkpoint, Cosignature, Hash, NoteVerifier};

/// Keys whose signatures count.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// The ledger's key. Its name is the origin.
    pub ledger: NoteVerifier,
    /// The witnesses' keys.
    pub witnesses: Vec<NoteVerifier>,
    /// Number of witnesses that must have cosigned.
    pub quorum: usize,
    /// A checkpoint that the verifier has seen before. The ledger must contain it.
    pub seen: Option<Checkpoint>,
}

/// A fault of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Place of the fault: a row or a file.
    pub place: String,
    /// Description of the fault.
    pub what: String,
}

/// Result of a verification.
#[derive(Clone, Debug)]
pub struct Report {
    /// Number of entries read.
    pub entries: u64,
    /// Root hash over these entries.
    pub root: Hash,
    /// Number of blobs read.
    pub blobs: u64,
    /// Number of blobs that no entry names. This is not a breach: the server removes them after a day.
    pub orphans: u64,
    /// Cosignatures on the last witnessed checkpoint.
    pub cosignatures: Vec<Cosignature>,
    /// Size of the last witnessed checkpoint.
    pub witnessed_size: Option<u64>,
    /// Number of stored cosigned checkpoints. The last one must exist; the number of older ones is not recorded
    /// anywhere.
    pub cosigned: u64,
    /// Faults, at most 100.
    pub breaches: Vec<Breach>,
}
