//! Events of statements, as facts.
//!
//! Invariant: facts hold no free text. The person's reason is in the signed statement, a blob.

use evidence::statements::{Scope, StatementKind};
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

/// A person made a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// Digest of the statement's payload.
    pub statement: Digest,
    /// Its kind. A program that does not know it stops.
    pub kind: StatementKind,
    /// The person who signed.
    pub person: PersonId,
    /// The places where it counts.
    pub scope: Scope,
    /// Start of validity.
    pub not_before: Moment,
    /// End of validity.
    pub expires: Moment,
    /// Digest of the signed envelope, a blob.
    pub envelope: Digest,
}
