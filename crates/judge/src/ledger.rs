//! The ledger behind a bundle: whether it continues what was seen before, and names what it has to.
//!
//! Invariant: a ledger that does not continue every checkpoint that the judge, an agent or a signer saw is refused. Every
//! record that counts stands in a proven entry, and no entry or proof is carried without need.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::bundle::Bundle;
use evidence::trust_root::TrustRoot;

use crate::context::VerificationContext;
use crate::continuity;
use crate::proofs::{self, Proven};
use crate::reasons::{FORKED, NEW_BUNDLE, Reasons, one_reason};
use crate::records::Records;

/// Facts that the ledger proves, and digests that it has to name.
#[derive(Clone, Debug)]
pub struct LedgerProof {
    /// Facts that the ledger proves.
    pub proven: Proven,
    /// Digests that must be recorded in the ledger.
    pub records: Records,
    /// Ledger sizes that agents have seen, as their reports say.
    pub reported_sizes: BTreeSet<u64>,
}

/// Checks that the ledger continues every checkpoint seen before and contains the checkpoints at which, as holders
/// signed, older origins ended.
pub fn continues(
    bundle: &Bundle,
    roots: &[TrustRoot],
    proven: &Proven,
    seen: &VerificationContext,
) -> Result<(), Reasons> {
    if let Some(kept) = &seen.ledger {
        continuity::continues(roots, kept, &proven.checkpoint)
            .map_err(|error| one_reason("ledger-forked", error.to_string(), FORKED))?;
    }
    for end in continuity::ends(roots) {
        if !proofs::was_head(bundle, proven, end.size, &end.root) {
            let what = format!("it does not hold the {} entries with which `{}` ended", end.size, end.origin);
            return Err(one_reason("ledger-forked", what, FORKED));
        }
    }
    Ok(())
}

impl LedgerProof {
    /// Checks that the ledger proves every part that must be recorded, and that the bundle proves no entry without need.
    /// `seen` are the ledger sizes that signers saw.
    pub fn lists(
        &self,
        bundle: &Bundle,
        roots: &[TrustRoot],
        plan: Digest,
        seen: impl Iterator<Item = u64>,
    ) -> Result<(), Reasons> {
        let Self { proven, records, reported_sizes } = self;
        let mut needed = records.all();
        needed.insert(plan);
        if let Some(missing) = needed.iter().find(|digest| !proven.named.contains_key(digest)) {
            let what = format!("no proven entry of the ledger names {missing}");
            return Err(one_reason("not-on-record", what, NEW_BUNDLE));
        }
        if proven.entries.iter().any(|named| named.is_disjoint(&needed)) {
            return Err(one_reason("stray-entry", "an entry names nothing that is needed", NEW_BUNDLE));
        }
        let ends = continuity::ends(roots).into_iter().map(|end| end.size);
        let seen: BTreeSet<u64> = seen.chain(reported_sizes.iter().copied()).chain(ends).collect();
        let carried: Vec<u64> = bundle.ancestors.iter().map(|ancestor| ancestor.size).collect();
        let earlier: Vec<u64> = seen.into_iter().filter(|size| *size < proven.checkpoint.size).collect();
        if carried != earlier {
            return Err(one_reason(
                "stray-ancestor",
                "proofs of checkpoints are not those needed",
                NEW_BUNDLE,
            ));
        }
        Ok(())
    }
}
