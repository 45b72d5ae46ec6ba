//! Parts of the API's messages about statements of people.

use evidence::statements::Scope;
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

use crate::named::NamedPerson;

/// A statement whose scope covers a place. Whether it counts for a release is decided with the evidence of that release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementView {
    /// Digest of its payload, by which a status withdraws it.
    pub statement: Digest,
    /// Its kind.
    pub kind: String,
    /// The person who signed it.
    pub by: NamedPerson,
    /// Its scope and its content in a few words; `None` if the server cannot read it.
    #[serde(default)]
    pub content: Option<StatementContent>,
    /// Start of validity.
    pub begins: Moment,
    /// End of validity.
    pub until: Moment,
    /// Digest of its envelope, a blob.
    pub envelope: Digest,
    /// Its state, as far as time and the status in force decide it.
    pub state: StatementState,
}

/// The content of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementContent {
    /// The places where it counts.
    pub scope: Scope,
    /// Its content in a few words, with text by others.
    pub summary: String,
    /// The person's reason.
    pub reason: String,
}

/// States of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatementState {
    /// It begins later.
    Later,
    /// It can count.
    InForce,
    /// Its end is past.
    Ended,
    /// A status withdrew it.
    Withdrawn,
}
