//! The secret that a value belongs to, and everything that a wrapped key is bound to.
//!
//! Invariant: two secrets, and two bindings, never have the same text, so that a key that was wrapped for one opens for no
//! other one.

use std::fmt;

use evidence::secret_name::SecretName;
use evidence::{Digest, Id, Name, Place};
use serde::{Deserialize, Serialize};

/// A secret of either class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Secret {
    /// A build secret.
    Build {
        /// Project and path.
        name: SecretName,
    },
    /// A deploy secret.
    Deploy {
        /// Its name at the place.
        name: Name,
        /// The place.
        place: Place,
    },
}

/// A version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretVersion {
    /// The secret.
    pub secret: Secret,
    /// Number of the version, from 1.
    pub number: u32,
}

/// The value that a wrapped key opens, and the claim for which it was lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The installation.
    pub installation: Id,
    /// Nonce of the work for which the key was lent; `None` for a key that is put.
    pub lent: Option<Id>,
    /// The version.
    pub of: SecretVersion,
    /// Digest of the sealed value.
    pub value: Digest,
}

impl SecretVersion {
    /// A version of a build secret.
    #[must_use]
    pub const fn build(name: SecretName, number: u32) -> Self {
        Self { secret: Secret::Build { name }, number }
    }

    /// A version of a deploy secret.
    #[must_use]
    pub const fn deploy(place: Place, name: Name, number: u32) -> Self {
        Self { secret: Secret::Deploy { name, place }, number }
    }
}

impl Binding {
    /// The associated data of HPKE.
    pub(crate) fn lines(&self) -> String {
        let lent = self.lent.map(|nonce| format!("{nonce}\n")).unwrap_or_default();
        let Self { installation, of: SecretVersion { secret, number }, value, .. } = self;
        format!("{installation}\n{lent}{secret}\n{number}\n{value}\n")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build { name } => write!(f, "{name}"),
            Self::Deploy { name, place } => write!(f, "{place}:{name}"),
        }
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.number, self.secret)
    }
}
