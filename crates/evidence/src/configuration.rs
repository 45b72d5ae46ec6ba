//! Configuration of one service in one environment, named by the environment statement. Format:
//! `docs/formats/configuration.md`.
//!
//! Invariant: it may set what the release file leaves open and nothing else; it holds no secret.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

/// Largest configuration in bytes.
pub const BYTES_MAX: usize = 64 * 1024;

/// A configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Version of this format; 1.
    pub v: u8,
    /// Loopback port of a process, where the release file leaves it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Variables, over those of the release file.
    pub variables: BTreeMap<String, String>,
}

/// Why some bytes are not a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// Not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A rule of the format is broken.
    #[error("configuration: {0}")]
    Rule(&'static str),
}

impl Default for Configuration {
    fn default() -> Self {
        Self { v: 1, port: None, variables: BTreeMap::new() }
    }
}

impl Configuration {
    /// Parses a configuration.
    ///
    /// # Errors
    /// `ConfigurationError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        let configuration: Self = canonical::decode("configuration", bytes, BYTES_MAX)?;
        configuration.check().map(|()| configuration)
    }

    /// Canonical bytes; their digest names the configuration.
    ///
    /// # Errors
    /// `ConfigurationError` when a rule is broken.
    pub fn encode(&self) -> Result<Vec<u8>, ConfigurationError> {
        self.check()?;
        Ok(canonical::encode("configuration", self)?)
    }

    /// Digest that names it.
    ///
    /// # Errors
    /// `ConfigurationError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, ConfigurationError> {
        Ok(Digest::of(&self.encode()?))
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        if self.v != 1 {
            return Err(ConfigurationError::Rule("`v` is not 1, the version that this program knows"));
        }
        if !self.variables.keys().all(|name| is_variable(name)) {
            return Err(ConfigurationError::Rule("a variable's name cannot be one"));
        }
        Ok(())
    }
}

/// Whether a name can be a variable that people set: letters, digits, `_`, and none of our own.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    variable_fault(name, &OWN_VARIABLES).is_none()
}

/// Why a name cannot be a variable that people set, where some names (`X`, or `X_*`) are set by countersign.
#[must_use]
pub fn variable_fault(name: &str, own: &[&str]) -> Option<String> {
    let mut bytes = name.bytes();
    let named = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !named {
        let name = name.escape_debug();
        return Some(format!(
            "`{name}` cannot name a variable: letters, digits and `_`, and no digit in front"
        ));
    }
    let is_own = |own: &&str| own.strip_suffix('*').map_or(name == *own, |prefix| name.starts_with(prefix));
    let own = own.iter().any(is_own);
    own.then(|| format!("`{name}` cannot name a variable of yours: countersign sets it; choose another name"))
}

/// Variables of a service that are not the file's to set.
pub const OWN_VARIABLES: [&str; 3] = ["COUNTERSIGN_*", "LISTEN_*", "STATE_DIRECTORY"];
