//! The witness protocol (<https://c2sp.org/tlog-witness>): decides one `add-checkpoint` request from the last state.
//!
//! Invariant: the decision is pure. A caller may cosign and answer only after it has stored the new state durably, and
//! may store a state only in place of the one that it was decided from.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::key::NoteVerifier;
use crate::note::{Note, NoteError};
use crate::proof::{ProofError, verify_consistency};

/// A parsed request body: old size, consistency proof, checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that, as the sender believes, the witness cosigned last.
    pub old_size: u64,
    /// Consistency proof from that size.
    pub proof: Vec<Hash>,
    /// The log's signed checkpoint.
    pub note: Note,
}

/// State of a witness for one log: the largest checkpoint that it cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Tree size.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
}

/// Reasons why a request body cannot be read. The HTTP status is 400.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WitnessError {
    /// The first line is not `old <size>`.
    #[error("line 1 is not `old <size>`")]
    Old,
    /// A proof line is not a hash, or there are more than 63.
    #[error("line {0} is not a proof hash, or there are more than {PROOF_LINES_MAX} of them")]
    Proof(usize),
    /// The checkpoint is malformed.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
}

/// Reasons why a witness does not cosign, with the HTTP status of the protocol.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WitnessRefusal {
    /// The witness does not know the log. Status 404.
    #[error("the origin of this checkpoint is not known here")]
    UnknownOrigin,
    /// No valid signature of a trusted key. Status 403.
    #[error("no valid signature of a trusted key: {0}")]
    Signature(NoteError),
    /// The old size is larger than the checkpoint. Status 400.
    #[error("the old size is larger than the checkpoint's")]
    OldSize,
    /// The old size is not the last one cosigned. Status 409; the body is the last size.
    #[error("the last checkpoint cosigned here has size {0}")]
    Conflict(u64),
    /// The consistency proof is invalid. Status 422.
    #[error("the checkpoint is not consistent with the one cosigned before: {0}")]
    Inconsistent(ProofError),
    /// The note is not a checkpoint. Status 422.
    #[error("the text is not a checkpoint")]
    Text,
}

const PROOF_LINES_MAX: usize = 63;

impl AddCheckpoint {
    /// Origin in the checkpoint's first line, unverified.
    #[must_use]
    pub fn claimed_origin(&self) -> &str {
        self.note.text().split('\n').next().unwrap_or_default()
    }
}

/// Decides one request against the state of its origin, and returns the state to store before cosigning.
///
/// # Errors
/// `WitnessRefusal`, in the order of the protocol.
pub fn add_checkpoint(
    request: &AddCheckpoint,
    origin: &str,
    keys: &[NoteVerifier],
    latest: Option<Latest>,
) -> Result<Latest, WitnessRefusal> {
    if request.claimed_origin() != origin {
        return Err(WitnessRefusal::UnknownOrigin);
    }
    request.note.verify(keys).map_err(WitnessRefusal::Signature)?;
    let checkpoint: Checkpoint = request.note.text().parse().map_err(|_| WitnessRefusal::Text)?;
    if request.old_size > checkpoint.size {
        return Err(WitnessRefusal::OldSize);
    }
    let known = latest.filter(|latest| latest.size > 0);
    let known_size = known.map_or(0, |latest| latest.size);
    if known_size != request.old_size {
        return Err(WitnessRefusal::Conflict(known_size));
    }
    let length = ProofError::Length(request.proof.len());
    let consistent = match known {
        None => request.proof.is_empty().then_some(()).ok_or(length),
        Some(old) => {
            verify_consistency(old.size, checkpoint.size, &old.root, &checkpoint.root, &request.proof)
        }
    };
    consistent.map_err(WitnessRefusal::Inconsistent)?;
    Ok(Latest { size: checkpoint.size, root: checkpoint.root })
}

impl WitnessRefusal {
    /// HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::OldSize => 400,
            Self::Signature(_) => 403,
            Self::UnknownOrigin => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent(_) | Self::Text => 422,
        }
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for AddCheckpoint {
    type Err = WitnessError;

    fn from_str(body: &str) -> Result<Self, Self::Err> {
        let (head, note) = body.split_once("\n\n").ok_or(WitnessError::Old)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(WitnessError::Old)?;
        let old_size: u64 = old.parse().map_err(|_| WitnessError::Old)?;
        if old_size.to_string() != old {
            return Err(WitnessError::Old);
        }
        let mut proof = Vec::new();
        for (n, line) in lines.enumerate() {
            let hash = line.parse().ok().filter(|_| n < PROOF_LINES_MAX);
            proof.push(hash.ok_or(WitnessError::Proof(n + 2))?);
        }
        Ok(Self { old_size, proof, note: Note::parse(note.as_bytes())? })
    }
}
