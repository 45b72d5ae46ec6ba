//! A place: one service of a project in one environment, written `project/service/environment`.
//!
//! Invariant: the written form parses back to the same place. A place does not say whether it exists; the environment
//! statements of the ledger do.
//!
//! Signed formats hold the three names apart; `placed.rs` joins them.

use std::fmt;
use std::str::FromStr;

use crate::Name;
use serde::{Deserialize, Serialize};

/// One service of a project in one environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
}

/// Why a text is not a place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a place: expected PROJECT/SERVICE/ENVIRONMENT, three names of `a-z`, `0-9` and `-`")]
pub struct PlaceError(String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.service, self.environment)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || PlaceError(text.chars().take(200).collect());
        let mut parts = text.split('/').map(|part| part.parse::<Name>().map_err(|_| wrong()));
        let mut next = || parts.next().unwrap_or_else(|| Err(wrong()));
        let place = Self { project: next()?, service: next()?, environment: next()? };
        if parts.next().is_none() { Ok(place) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}
