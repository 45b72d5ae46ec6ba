//! The decision about a read, with its lines.
//!
//! Invariant: every read has a line for each secret that it names, allowed or refused. A value is handed out only after the
//! lines are durable.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::records::Body;
use evidence::secret_name::SecretName;
use evidence::statements::StoreSource;

use crate::refusal::Refusal;

/// A version whose value may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentVersion {
    /// Its number.
    pub number: u32,
    /// Digest of its sealed value.
    pub value: Digest,
}

/// The thing that is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LentValue {
    /// The value of a version in the vault.
    Version(LentVersion),
    /// Leave to read it in a store: the server never has such a value.
    Elsewhere(StoreSource),
}

impl LentValue {
    /// Number of the version in the vault.
    #[must_use]
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Version(version) => Some(version.number),
            Self::Elsewhere(_) => None,
        }
    }

    /// The store.
    #[must_use]
    pub const fn from(&self) -> Option<&StoreSource> {
        match self {
            Self::Version(_) => None,
            Self::Elsewhere(from) => Some(from),
        }
    }
}

/// The decision about a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingDecision {
    /// The thing that is handed out for each secret; or, if one of them is refused, the reasons against all of those.
    pub lent: Result<BTreeMap<SecretName, LentValue>, Refusal>,
    /// Lines to record, whatever the decision.
    pub lines: Vec<Body>,
}
