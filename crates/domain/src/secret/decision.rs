//! The decision about a read, with its lines.
//!
//! Invariant: every read has a line for each secret that it names, allowed or refused. A value is handed out only after the
//! lines are durable.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::records::Body;
use evidence::secret_name::SecretName;

use crate::refusal::Refusal;

/// A version whose value may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentVersion {
    /// Its number.
    pub number: u32,
    /// Digest of its sealed value.
    pub value: Digest,
}

/// The decision about a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingDecision {
    /// A version for each secret; or, if one of them is refused, the reasons against all of those.
    pub lent: Result<BTreeMap<SecretName, LentVersion>, Refusal>,
    /// Lines to record, whatever the decision.
    pub lines: Vec<Body>,
}
