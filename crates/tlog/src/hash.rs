//! The hashing of RFC 6962 (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1>): SHA-256 with prefixes for leaves and
//! nodes.
//!
//! Invariant: a `Hash` always has 32 bytes. This is the only module of the tree where indexing is allowed, because
//! every index is a constant below a constant length.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Length of a hash in bytes.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 tree hash. It is printed and parsed as standard base64, as in the C2SP formats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

/// The text is not a hash.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a hash is 32 bytes in standard base64")]
pub struct HashError;

impl Hash {
    /// Hash of the empty tree: SHA-256 of no bytes (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1>).
    #[must_use]
    pub fn empty_tree() -> Self {
        finish(Context::new(&SHA256))
    }

    /// Wraps 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Wraps a slice of exactly 32 bytes.
    ///
    /// # Errors
    /// `HashError` when the slice has another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, HashError> {
        bytes.try_into().map(Self).map_err(|_| HashError)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

/// Hash of a leaf: `SHA-256(0x00 || entry)`. The prefix keeps leaves and inner nodes apart.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(entry);
    finish(context)
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[1]);
    context.update(&left.0);
    context.update(&right.0);
    finish(context)
}

fn finish(context: Context) -> Hash {
    let mut bytes = [0; HASH_BYTES];
    bytes.copy_from_slice(context.finish().as_ref());
    Hash(bytes)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = STANDARD.decode(text).map_err(|_| HashError)?;
        Self::from_slice(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_tree_is_sha256_of_nothing() {
        assert_eq!(Hash::empty_tree().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn parse_refuses_other_lengths_and_alphabets() {
        assert_eq!("".parse::<Hash>(), Err(HashError));
        assert_eq!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=".parse::<Hash>(), Err(HashError));
        assert_eq!("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".parse::<Hash>(), Err(HashError));
    }
}
