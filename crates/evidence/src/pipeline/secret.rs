//! Secrets that a step asks for, by their paths.
//!
//! Invariant: a path lies within the project of the run, so a step names no secret of another one. No value is here, and to
//! name a secret gives no right to it: see grants in `docs/formats/statement.md`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;
use crate::secret_name::SecretName;

/// Highest number of secrets of one step.
pub const SECRETS_MAX: usize = 16;

/// A secret that a step asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSecret {
    /// Path of the secret in the project of the run, such as `registry/token`.
    #[schemars(with = "String")]
    pub secret: SecretPath,
    /// Environment variable that holds the value as well. Without one the value is in the file alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}

/// Path of a secret within its project: 1 to 7 names with `/` between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretPath(Vec<Name>);

/// The text is not the path of a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not the path of a secret: expected 1 to 7 names with `/` between, such as `registry/token`"
)]
pub struct SecretPathError(String);

impl SecretPath {
    /// The name of the secret in a project.
    #[must_use]
    pub fn in_project(&self, project: &Name) -> SecretName {
        SecretName::of(project.clone(), self.0.clone())
    }
}

impl FromStr for SecretPath {
    type Err = SecretPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || SecretPathError(text.chars().take(80).collect());
        let parts: Result<Vec<Name>, _> = text.split('/').take(PARTS_MAX + 1).map(str::parse).collect();
        let parts = parts.map_err(|_| fault())?;
        if parts.len() > PARTS_MAX { Err(fault()) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(Name::as_str).collect();
        f.write_str(&parts.join("/"))
    }
}

impl TryFrom<String> for SecretPath {
    type Error = SecretPathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SecretPath> for String {
    fn from(path: SecretPath) -> Self {
        path.to_string()
    }
}

/// The parts of a secret's name without the project.
const PARTS_MAX: usize = 7;
