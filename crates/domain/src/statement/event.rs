//! Events of statements, as facts.
//!
//! Invariant: facts hold no free text. The person's reason is in the signed statement, a blob.

use evidence::statements::{Scope, Statement, StatementKind};
use evidence::{Digest, Moment, Name, Place};
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
    /// The version of a secret that it puts at its place, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<StatedSecret>,
}

/// A version of a secret of a place, without its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedSecret {
    /// The place.
    pub place: Place,
    /// Name of the secret there.
    pub name: Name,
    /// Number of the version.
    pub number: u32,
    /// Digest of the sealed value, a blob.
    pub value: Digest,
}

impl StatedSecret {
    /// The version that a statement puts at its place, if it does.
    #[must_use]
    pub fn of(statement: &Statement) -> Option<Self> {
        let version = statement.secret()?;
        let Scope { project, service, environment } = statement.scope.clone();
        let place = Place { project, service: service?, environment: environment? };
        Some(Self { place, name: version.secret.clone(), number: version.number, value: version.value })
    }
}
