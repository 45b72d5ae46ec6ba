//! Parts of the API's messages that say who did something, and what is in the way of releases.

use domain::PersonId;
use evidence::Moment;
use evidence::status::Freeze;
use serde::{Deserialize, Serialize};

/// A person, with the name that registrars signed where they are still enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPerson {
    /// Id of the person.
    pub person: PersonId,
    /// Their name.
    pub name: Option<String>,
}

/// A freeze in force, and the person who sent the status that began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    /// The frozen places.
    pub freeze: Freeze,
    /// The person; absent where it was founded with the installation.
    pub by: Option<NamedPerson>,
    /// When the status was recorded.
    pub time: Moment,
}

/// Witnesses, as far as they can help a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessesView {
    /// How many must have cosigned.
    pub quorum: u32,
    /// How many count: in team mode none on the server's host does.
    pub counting: u32,
}
