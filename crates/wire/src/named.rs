//! Parts of the API's messages about people, freezes and witnesses.

use domain::PersonId;
use evidence::Moment;
use evidence::status::Freeze;
use serde::{Deserialize, Serialize};

/// A person, with the name that registrars signed if the person is still enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPerson {
    /// Id of the person.
    pub person: PersonId,
    /// Their name.
    pub name: Option<String>,
}

/// A current freeze, and the person who sent the status that began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    /// The frozen places.
    pub freeze: Freeze,
    /// The person; `None` if the freeze was founded with the installation.
    pub by: Option<NamedPerson>,
    /// When the status was recorded.
    pub time: Moment,
}

/// Witnesses that can count for a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessesView {
    /// Number of witnesses that must have cosigned.
    pub quorum: u32,
    /// Number of witnesses that count: in team mode, a witness on the server's host does not.
    pub counting: u32,
}
