//! Names of build secrets: a project and a path, such as `shop/registry/token`.
//!
//! Invariant: each part is a name, so no path leads upwards and none is another spelling of one that exists. Deploy secrets
//! have one name at a place; records name them like build secrets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Name;

/// Name of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName {
    project: Name,
    path: Vec<Name>,
}

/// The text is not the name of a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not the name of a secret: expected PROJECT/PATH of names with `/` between, 2 to {PARTS_MAX} in all"
)]
pub struct SecretNameError(String);

impl SecretName {
    /// The name of a path in a project.
    pub(crate) const fn of(project: Name, path: Vec<Name>) -> Self {
        Self { project, path }
    }

    /// The name of a deploy secret in records: its project and its name. A line names its place beside it.
    #[must_use]
    pub fn at_place(project: &Name, name: &Name) -> Self {
        Self { project: project.clone(), path: vec![name.clone()] }
    }

    /// The project.
    #[must_use]
    pub const fn project(&self) -> &Name {
        &self.project
    }

    /// The path within the project.
    #[must_use]
    pub fn path(&self) -> &[Name] {
        &self.path
    }
}

impl FromStr for SecretName {
    type Err = SecretNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || SecretNameError(text.chars().take(80).collect());
        let parts: Result<Vec<Name>, _> = text.split('/').take(PARTS_MAX + 1).map(str::parse).collect();
        let mut parts = parts.map_err(|_| fault())?.into_iter();
        let (Some(project), path) = (parts.next(), parts.collect::<Vec<_>>()) else { return Err(fault()) };
        if path.is_empty() || path.len() >= PARTS_MAX {
            return Err(fault());
        }
        Ok(Self { project, path })
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.project)?;
        self.path.iter().try_for_each(|part| write!(f, "/{part}"))
    }
}

impl TryFrom<String> for SecretName {
    type Error = SecretNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.to_string()
    }
}

/// Highest number of parts, the project among them.
const PARTS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_names_that_lead_upwards() {
        let long = ["shop"; PARTS_MAX + 1].join("/");
        let wrong = [
            "shop",
            "shop/",
            "/shop/x",
            "shop/../x",
            "shop/x/",
            "shop//x",
            "Shop/x",
            "shop/x.y",
            "shop/x y",
            "",
            &long,
        ];
        for text in wrong {
            assert!(text.parse::<SecretName>().is_err(), "{text}");
        }
        assert!(["shop"; PARTS_MAX].join("/").parse::<SecretName>().is_ok());
        let name: SecretName = "shop/registry/token".parse().unwrap();
        assert_eq!((name.project().as_str(), name.path().len()), ("shop", 2));
        assert_eq!(name.to_string(), "shop/registry/token");
    }
}
