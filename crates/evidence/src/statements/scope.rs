//! The places where a statement counts.
//!
//! Invariant: a scope lies within one project.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::place::Place;

/// Places where a statement counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The project.
    pub project: Name,
    /// The service; absent for all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// The environment; absent for all environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
}

impl Scope {
    /// Whether a place is within the scope.
    #[must_use]
    pub fn covers(&self, place: &Place) -> bool {
        self.project == place.project
            && self.service.as_ref().is_none_or(|name| *name == place.service)
            && self.environment.as_ref().is_none_or(|name| *name == place.environment)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &Option<Name>| name.as_ref().map_or("*", Name::as_str).to_owned();
        write!(f, "{}/{}/{}", self.project, part(&self.service), part(&self.environment))
    }
}
