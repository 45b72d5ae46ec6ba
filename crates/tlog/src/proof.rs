//! Inclusion, consistency and subtree proofs: made from stored nodes, verified with hashes alone.
//!
//! They follow RFC 6962 (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1> and section 2.1.2) and, for subtrees,
//! draft-ietf-plants-merkle-tree-certs-03, section 4. Consistency of two trees is the subtree case with start 0.
//! Invariant: a proof that is too long or too short is refused.

use crate::hash::{Hash, node_hash};

/// Reasons why a proof is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ProofError {
    /// The index is outside the tree.
    #[error("index {index} lies outside a tree of {size} entries")]
    Index {
        /// Index asked for.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The range is not a subtree of a tree of this size.
    #[error("[{start}, {end}) is not a subtree of a tree of {size} entries")]
    Range {
        /// First leaf of the range.
        start: u64,
        /// Leaf after the last one of the range.
        end: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("the proof has {0} hashes, which is not the number that these sizes need")]
    Length(usize),
    /// The proof leads to another root hash.
    #[error("the proof does not lead to the stated root hash")]
    Root,
}

/// Source of the hashes of complete subtrees.
pub trait Nodes {
    /// Error of reading a hash.
    type Error;
    /// Hash over the `2^level` leaves that start at `index * 2^level`.
    ///
    /// # Errors
    /// The error of the storage.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Root of the leaves `[start, end)` with `start < end`, split as in RFC 6962
/// (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1>).
///
/// # Errors
/// The error of the node source.
pub fn root_of<N: Nodes>(nodes: &N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let count = end - start;
    if count.is_power_of_two() && start.is_multiple_of(count) {
        return nodes.node(level_of(count), start / count);
    }
    let middle = start + split(count);
    Ok(node_hash(&root_of(nodes, start, middle)?, &root_of(nodes, middle, end)?))
}

/// Audit path of leaf `index` in the first `size` leaves, sibling of the leaf first.
///
/// # Errors
/// The error of the node source.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(root_of(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(root_of(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Consistency proof from the first `old` to the first `new` leaves, `old <= new`.
///
/// # Errors
/// The error of the node source.
pub fn consistency_proof<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut path = Vec::new();
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(root_of(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(root_of(nodes, start, middle)?);
            start = middle;
        }
    }
    if start != 0 {
        path.push(root_of(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Verifies that `leaf` is at `index` in the tree of `size` leaves with `root`.
///
/// # Errors
/// `ProofError` names the fault.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    conclude(last == 0, proof.len(), &hash, root)
}

/// Verifies that the tree of `old` leaves is a prefix of the tree of `new` leaves, `old > 0`.
///
/// An empty old tree is refused, because a proof from it would prove nothing. A verifier that has seen nothing yet does
/// not need a proof.
///
/// # Errors
/// `ProofError` names the fault.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new || old == 0 {
        return Err(ProofError::Range { start: 0, end: old, size: new });
    }
    verify_subtree_consistency(0, old, new, old_root, new_root, proof)
}

/// Verifies that `leaf` is at `index` in the subtree `[start, end)` with `root`.
///
/// # Errors
/// `ProofError` names the fault.
pub fn verify_subtree_inclusion(
    leaf: &Hash,
    index: u64,
    (start, end): (u64, u64),
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    subtree(start, end, end)?;
    let inner = index.checked_sub(start).ok_or(ProofError::Index { index, size: end })?;
    verify_inclusion(leaf, inner, end - start, proof, root)
}

/// Verifies that the subtree `[start, end)` with `part` belongs to the tree of `size` leaves with `root`.
///
/// The empty subtree belongs to every tree, so `root` is ignored for it.
///
/// # Errors
/// `ProofError` names the fault.
pub fn verify_subtree_consistency(
    start: u64,
    end: u64,
    size: u64,
    part: &Hash,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if start == end && end <= size {
        return conclude(proof.is_empty(), proof.len(), part, &Hash::empty_tree());
    }
    subtree(start, end, size)?;
    let wrong = ProofError::Length(proof.len());
    let (mut first, mut last, mut tree) = (start, end - 1, size - 1);
    while first != last && (last == tree || last & 1 == 1) {
        (first, last, tree) = (first >> 1, last >> 1, tree >> 1);
    }
    let mut rest = proof.iter();
    let seed = if first == last { part } else { rest.next().ok_or(wrong)? };
    let (mut part_seen, mut root_seen) = (*seed, *seed);
    for sibling in rest {
        if tree == 0 {
            return Err(wrong);
        }
        if last & 1 == 1 || last == tree {
            if first < last {
                part_seen = node_hash(sibling, &part_seen);
            }
            root_seen = node_hash(sibling, &root_seen);
            while last & 1 == 0 && last != 0 {
                (first, last, tree) = (first >> 1, last >> 1, tree >> 1);
            }
        } else {
            root_seen = node_hash(&root_seen, sibling);
        }
        (first, last, tree) = (first >> 1, last >> 1, tree >> 1);
    }
    conclude(tree == 0, proof.len(), &part_seen, part)?;
    conclude(true, proof.len(), &root_seen, root)
}

fn conclude(complete: bool, length: usize, seen: &Hash, stated: &Hash) -> Result<(), ProofError> {
    match (complete, seen == stated) {
        (false, _) => Err(ProofError::Length(length)),
        (true, false) => Err(ProofError::Root),
        (true, true) => Ok(()),
    }
}

/// Checks that a range is a subtree: not empty, inside the tree, and starting at a multiple of its size rounded up to a
/// power of two.
fn subtree(start: u64, end: u64, size: u64) -> Result<(), ProofError> {
    let wrong = ProofError::Range { start, end, size };
    let count = end.checked_sub(start).filter(|count| *count > 0 && end <= size).ok_or(wrong)?;
    let aligned = count.checked_next_power_of_two().is_some_and(|width| start.is_multiple_of(width));
    if aligned { Ok(()) } else { Err(wrong) }
}

/// Largest power of two below `count`, for `count > 1`.
const fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// Level of a complete subtree of `count = 2^level` leaves; at most 63.
fn level_of(count: u64) -> u8 {
    u8::try_from(count.trailing_zeros()).unwrap_or(u8::MAX)
}
