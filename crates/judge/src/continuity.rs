//! Continuity: whether a checkpoint continues the ledger that the judge has seen before.
//!
//! Invariant: within one origin, only a consistency proof counts. A new origin counts only if a trust root names the
//! checkpoint at which the old one ended: then its holders vouch for the change.

use std::fmt;

use evidence::Bytes;
use evidence::bundle::{Bundle, hashes};
use evidence::trust_root::TrustRoot;
use tlog::{Checkpoint, ProofError, verify_consistency};

/// A ledger as it was seen before.
#[derive(Clone, Debug)]
pub struct PinnedCheckpoint {
    /// The newest checkpoint seen.
    pub checkpoint: Checkpoint,
    /// Hashes of the consistency proof between the seen checkpoint and the judged one
    /// (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2>). If holders gave up later entries, the proof is between
    /// the end of the old origin and the judged checkpoint. Empty if the two are equal.
    pub proof: Vec<Bytes>,
    /// Whether the judged checkpoint may be the older one. Evidence of the past stays valid.
    pub may_be_older: bool,
}

/// The checkpoint that a proof has to start from in order to reach `origin`: the pinned one, or the end of its origin
/// if holders gave up the entries after that. The function follows origin after origin, as the roots name them. `None`
/// if no root names that end. The roots are sorted by version.
#[must_use]
pub fn proven_from(roots: &[TrustRoot], kept: &Checkpoint, origin: &str) -> Option<Checkpoint> {
    let mut from = kept.clone();
    for root in roots {
        let end = root.ledger.replaces.as_ref().and_then(|text| text.parse::<Checkpoint>().ok());
        if let (Some(end), Ok(key)) = (end, root.ledger_key())
            && end.origin == from.origin
        {
            let least = if from.size <= end.size { from } else { end };
            from = Checkpoint { origin: key.name().to_owned(), ..least };
        }
    }
    (from.origin == origin).then_some(from)
}

/// The ends of older origins, as the roots name them, in order. The ledger must still contain each of these trees,
/// except for entries that a later root gave up.
#[must_use]
pub fn ends(roots: &[TrustRoot]) -> Vec<Checkpoint> {
    let mut ends: Vec<Checkpoint> = Vec::new();
    for end in roots.iter().rev().filter_map(|root| root.ledger.replaces.as_ref()?.parse().ok()) {
        let end: Checkpoint = end;
        if end.size > 0 && ends.last().is_none_or(|later| end.size <= later.size) {
            ends.push(end);
        }
    }
    ends.reverse();
    ends
}

/// The two sizes for which a consistency proof is needed to compare evidence with a pinned checkpoint. `None` if no
/// proof is needed, or none could help. Nothing is verified here.
#[must_use]
pub fn sizes_to_prove(bundle: &Bundle, kept: &Checkpoint) -> Option<(u64, u64)> {
    let roots: Vec<_> = bundle.roots.iter().filter_map(|root| TrustRoot::read(root).ok()).collect();
    let newest: Checkpoint = format!("{}\n", bundle.checkpoint.split("\n\n").next()?).parse().ok()?;
    let from = proven_from(&roots, kept, &newest.origin)?.size;
    let (old, new) = (from.min(newest.size), from.max(newest.size));
    (old > 0 && old < new).then_some((old, new))
}

/// Reasons why a checkpoint does not continue the ledger seen before.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ContinuityError {
    /// No trust root vouches for the change of origins.
    #[error("no trust root says that `{seen}` goes on as `{newest}`")]
    Origin {
        /// Origin that was seen.
        seen: String,
        /// Origin of the judged checkpoint.
        newest: String,
    },
    /// The ledger is shorter than when it was seen.
    #[error("{0}: it was rewound or is withheld")]
    Rewound(Sizes),
    /// The consistency proof is malformed.
    #[error("{0}: the proof is damaged")]
    Proof(Sizes),
    /// The consistency proof is invalid.
    #[error("{sizes}, but it is another ledger: {source}")]
    OtherLedger {
        /// Sizes of the two trees.
        sizes: Sizes,
        /// The fault of the proof.
        source: ProofError,
    },
}

/// Sizes of a ledger: when it was seen, and at the judged checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of entries when it was seen.
    pub seen: u64,
    /// Number of entries at the judged checkpoint.
    pub here: u64,
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the ledger was seen with {} entries, here it has {}", self.seen, self.here)
    }
}

/// Checks that a checkpoint continues the ledger seen before.
pub fn continues(
    roots: &[TrustRoot],
    kept: &PinnedCheckpoint,
    newest: &Checkpoint,
) -> Result<(), ContinuityError> {
    let seen = &kept.checkpoint;
    let from = proven_from(roots, seen, &newest.origin).ok_or_else(|| ContinuityError::Origin {
        seen: seen.origin.clone(),
        newest: newest.origin.clone(),
    })?;
    let sizes = Sizes { seen: from.size, here: newest.size };
    let (old, new) = if from.size <= newest.size { (&from, newest) } else { (newest, &from) };
    if from.size > newest.size && !kept.may_be_older {
        return Err(ContinuityError::Rewound(sizes));
    }
    let proof = hashes(&kept.proof).ok_or(ContinuityError::Proof(sizes))?;
    verify_consistency(old.size, new.size, &old.root, &new.root, &proof)
        .map_err(|source| ContinuityError::OtherLedger { sizes, source })
}
