//! Events of secrets, as facts.
//!
//! Invariant: facts name the digest of the sealed value, never one of the value, which could be guessed.

use evidence::secret_name::SecretName;
use evidence::{Digest, Moment};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

/// A person put a version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretPut {
    /// The secret.
    pub secret: SecretName,
    /// Number of the version.
    pub number: u32,
    /// Digest of the sealed value, a blob.
    pub value: Digest,
    /// The person.
    pub person: PersonId,
    /// Moment from which the version is not lent any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Days after which a newer version is due; absent if none is demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_days: Option<u32>,
    /// Whether nothing needs the secret, so that every read of it is an alert.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub honey: bool,
}

/// A person destroyed a version of a secret: the vault has to forget the key of its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretDestroyed {
    /// The secret.
    pub secret: SecretName,
    /// Number of the version.
    pub number: u32,
    /// The person.
    pub person: PersonId,
}
