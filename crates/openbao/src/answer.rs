//! Values as a store gives them.
//!
//! Invariant: what is secret is overwritten in memory when it is dropped, and is in no `Debug` text.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize as _, Zeroizing};

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Clear(Zeroizing<String>);

impl Clear {
    /// Takes a text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Clear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clear(..)")
    }
}

impl<'de> Deserialize<'de> for Clear {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Fields of a secret of the KV engine.
pub type Fields = BTreeMap<String, Clear>;

/// A version of a secret of the KV engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvValue {
    /// Its fields.
    pub fields: Fields,
    /// Number of the version, from 1.
    pub version: u64,
}

/// State of a version of a secret of the KV engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KvVersion {
    /// Time of its writing, RFC 3339.
    pub created_time: String,
    /// Time of its deletion, which can be undone; empty if it is not deleted.
    #[serde(default)]
    pub deletion_time: String,
    /// Whether its value is gone for good.
    pub destroyed: bool,
}

/// A lease: something that ends by itself, or when it is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id at the store.
    pub id: String,
    /// Seconds until it ends.
    pub seconds: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// Credentials of a database, made for one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The lease.
    pub lease: Lease,
    /// The role's name.
    pub username: String,
    /// Its password.
    pub password: Clear,
}

/// Bytes of an answer, overwritten when they are dropped.
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// Room for a whole answer, so that it is never moved and leaves no copy.
    pub(crate) fn with_room(room: usize) -> Self {
        Self(Vec::with_capacity(room))
    }

    /// Adds a piece; false if there is no room for it.
    pub(crate) fn add(&mut self, piece: &[u8]) -> bool {
        if self.0.capacity() - self.0.len() < piece.len() {
            return false;
        }
        self.0.extend_from_slice(piece);
        true
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
