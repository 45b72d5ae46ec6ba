//! The right edge of a tree: the roots of its complete subtrees, the largest first.
//!
//! Invariant: there is one hash for each set bit of the size, so an append and the root cost O(log n) hashes and O(log
//! n) memory. The frontier makes no proofs: those need the nodes to its left (`proof`).

use crate::hash::{HASH_BYTES, Hash, node_hash};

/// The right edge of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

/// The bytes are not the right edge of a tree of this size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrontierError {
    /// The number of hashes is not the number of set bits of the size.
    #[error("a tree of size {size} has an edge of {expected} hashes, found {found} bytes")]
    Length {
        /// Size of the tree.
        size: u64,
        /// Number of hashes that such a tree has.
        expected: u32,
        /// Number of bytes found.
        found: usize,
    },
}

impl Frontier {
    /// Rebuilds an edge from its stored bytes ([`Self::to_bytes`]).
    ///
    /// # Errors
    /// `FrontierError` when the number of bytes does not match the size.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        let expected = size.count_ones();
        let wrong = || FrontierError::Length { size, expected, found: bytes.len() };
        if bytes.len() != expected as usize * HASH_BYTES {
            return Err(wrong());
        }
        let roots = bytes.chunks_exact(HASH_BYTES).map(Hash::from_slice).collect::<Result<_, _>>();
        Ok(Self { size, roots: roots.map_err(|_| wrong())? })
    }

    /// The hashes of the edge, the largest subtree first, 32 bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends the hash of one leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// Root hash of the tree (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1>).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut edge = self.roots.iter().rev();
        let Some(last) = edge.next() else { return Hash::empty_tree() };
        edge.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    #[test]
    fn edge_survives_its_bytes() {
        let mut frontier = Frontier::default();
        for n in 0..100_u64 {
            let again = Frontier::from_bytes(n, &frontier.to_bytes());
            assert_eq!(again.as_ref(), Ok(&frontier));
            frontier.push(leaf_hash(&n.to_be_bytes()));
        }
    }

    #[test]
    fn edge_of_another_size_is_refused() {
        let mut frontier = Frontier::default();
        frontier.push(leaf_hash(b"a"));
        let wrong = FrontierError::Length { size: 3, expected: 2, found: 32 };
        assert_eq!(Frontier::from_bytes(3, &frontier.to_bytes()), Err(wrong));
    }
}
