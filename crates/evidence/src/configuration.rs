//! Configuration of one service in one environment, named by the environment statement. Format:
//! `docs/formats/configuration.md`.
//!
//! Invariant: a configuration sets only those values that the release file leaves to it. It holds no secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};
use crate::drift::{Baseline, DriftRules};
use crate::parity_rules::ParityRules;
use crate::rollout_query::{Sources, sources_fault};

/// Largest configuration in bytes.
pub const BYTES_MAX: usize = 64 * 1024;

/// A configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Version of this format; 1.
    pub v: u8,
    /// Loopback port of the process, over the one of the release file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Environment variables, over those of the release file.
    pub variables: BTreeMap<String, String>,
    /// Bounds for what the release file sets. Absent: nothing is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// Servers of Prometheus that the agent asks, by the names of the sources. Queries of a plan name one of them.
    #[serde(default, skip_serializing_if = "Sources::is_empty")]
    pub prometheus: Sources,
    /// Answers to drift. Absent: people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRules>,
    /// The state that hosts of agents have to be in. Absent: nothing of it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Differences from the environment before that are meant. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parity: Option<ParityRules>,
}

/// Bounds of a place: which variables a release file may set, and how much it may ask for. Empty bounds ask for nothing
/// but sound settings: no secret in clear, no database without TLS, no debug mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bounds {
    /// Variables that the release file may set, each with its possible values; an empty set stands for every value.
    /// Absent: all variables. Variables of the configuration itself need no row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Highest memory of a process in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Highest number of open files of a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Longest time to end in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_seconds: Option<u64>,
}

/// Errors of reading a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A rule of the format is broken.
    #[error("configuration: {0}")]
    Rule(&'static str),
    /// A file of bounds is not YAML of this shape; the text names line and column.
    #[error("bounds: {0}")]
    Yaml(String),
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            v: 1,
            port: None,
            variables: BTreeMap::new(),
            bounds: None,
            drift: None,
            baseline: None,
            prometheus: Sources::new(),
            parity: None,
        }
    }
}

impl Configuration {
    /// Parses a configuration.
    ///
    /// # Errors
    /// `ConfigurationError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        let configuration: Self = canonical::decode("configuration", bytes, BYTES_MAX)?;
        configuration.check().map(|()| configuration)
    }

    /// Encodes the configuration into its canonical bytes. Their digest names it.
    ///
    /// # Errors
    /// `ConfigurationError` when a rule is broken.
    pub fn encode(&self) -> Result<Vec<u8>, ConfigurationError> {
        self.check()?;
        Ok(canonical::encode("configuration", self)?)
    }

    /// Digest that names the configuration.
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
        let bounds = self.bounds.as_ref().and_then(Bounds::fault);
        let drift = self.drift.as_ref().and_then(DriftRules::fault);
        let bounds = bounds.or_else(|| sources_fault(&self.prometheus));
        let parity = self.parity.as_ref().and_then(ParityRules::fault);
        let fault = bounds.or(drift).or(parity).or_else(|| self.baseline.as_ref().and_then(Baseline::fault));
        fault.map_or(Ok(()), |fault| Err(ConfigurationError::Rule(fault)))
    }
}

impl Bounds {
    /// Reads bounds from YAML, as people write them.
    ///
    /// # Errors
    /// `ConfigurationError` names the fault.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let bounds: Self = serde_saphyr::from_str(text)
            .map_err(|error| ConfigurationError::Yaml(error.to_string().replace("<input>", "line")))?;
        match bounds.fault() {
            Some(fault) => Err(ConfigurationError::Rule(fault)),
            None => Ok(bounds),
        }
    }

    /// The rule that the bounds break.
    fn fault(&self) -> Option<&'static str> {
        let zero = [self.memory_mib, self.open_files, self.stop_seconds].contains(&Some(0));
        if zero {
            return Some("a bound of 0 lets nothing run");
        }
        let mut variables = self.variables.iter().flatten();
        let many = self.variables.as_ref().is_some_and(|variables| variables.len() > VARIABLES_MAX);
        let named = |(name, _): (&String, _)| is_variable(name);
        (many || !variables.all(named))
            .then_some("`bounds` has more than 1,024 variables, or a name that cannot be one")
    }
}

/// Whether people may set a variable of this name: letters, digits and `_`, and not one that countersign sets.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    variable_fault(name, &OWN_VARIABLES).is_none()
}

/// The reason why people may not set a variable of this name. `own` lists the names (`X`, or `X_*`) that countersign
/// sets itself.
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

/// Variables of a service that countersign sets, so that files may not.
pub const OWN_VARIABLES: [&str; 3] = ["COUNTERSIGN_*", "LISTEN_*", "STATE_DIRECTORY"];

const VARIABLES_MAX: usize = 1_024;
