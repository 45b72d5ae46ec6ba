//! Rules about drift, and the measured baseline of a host: what an agent compares with what it finds, and what it does then.
//! They are parts of a configuration (`docs/formats/configuration.md`).
//!
//! Invariant: a rule that is absent is `alert`: nothing is changed on a host before people signed that. Everything here is
//! bounded, because an agent measures it again and again. The file measures nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

/// An answer to drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// It is put back, and people are told.
    Correct,
    /// People are told.
    #[default]
    Alert,
    /// People are told, and no release is applied until it is over. Returns go on.
    Freeze,
}

/// Answers to drift by what drifted, and how often an agent looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DriftRules {
    /// Files of the release, and the binary of the process.
    #[serde(default)]
    pub files: Response,
    /// Variables of the process.
    #[serde(default)]
    pub variables: Response,
    /// Processes and listeners that are not ours.
    #[serde(default)]
    pub processes: Response,
    /// Limits of the process.
    #[serde(default)]
    pub limits: Response,
    /// The host, as the baseline names it.
    #[serde(default)]
    pub settings: Response,
    /// Milliseconds between two looks.
    #[serde(default = "every_default")]
    pub every_ms: u64,
}

/// The state that a host has to be in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Baseline {
    /// Settings of the kernel, as sysctl(8) names them, each with its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Packages, each with its version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, String>,
    /// Digest of all installed packages with their versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages_digest: Option<Digest>,
    /// Digest of the rules of the firewall, without their counters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Digest>,
    /// Whether the kernel's clock has to be synchronised.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub time_sync: bool,
    /// Ports at which something may listen for other hosts; absent: they are not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<BTreeSet<u16>>,
    /// Results of other tools, as files on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ResultFile>,
}

/// A file with results of another tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultFile {
    /// Its format.
    pub format: ResultFormat,
    /// Its path on the host.
    pub file: String,
    /// Hours after which it is too old.
    pub hours: u32,
}

/// Formats of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultFormat {
    /// The JSON report of InSpec.
    Inspec,
    /// Results in XCCDF 1.2, as OpenSCAP writes them, alone or in an ARF file.
    Xccdf,
}

/// Errors of reading rules and baselines.
#[derive(Debug, thiserror::Error)]
pub enum DriftFileError {
    /// A file of rules is not YAML of this shape; the text names line and column.
    #[error("drift rules: {0}")]
    Rules(String),
    /// A file with a baseline, likewise.
    #[error("baseline: {0}")]
    Baseline(String),
    /// A rule of the format is broken.
    #[error("configuration: {0}")]
    Rule(&'static str),
    /// It cannot be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Default for DriftRules {
    fn default() -> Self {
        Self {
            files: Response::Alert,
            variables: Response::Alert,
            processes: Response::Alert,
            limits: Response::Alert,
            settings: Response::Alert,
            every_ms: every_default(),
        }
    }
}

impl DriftRules {
    /// Reads rules from YAML, as people write them.
    ///
    /// # Errors
    /// `DriftFileError` names the fault.
    pub fn parse(text: &str) -> Result<Self, DriftFileError> {
        let rules: Self = yaml(text, DriftFileError::Rules)?;
        rules.fault().map_or(Ok(rules), |fault| Err(DriftFileError::Rule(fault)))
    }

    /// The rule that they break.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        (!(EVERY_MS_MIN..=EVERY_MS_MAX).contains(&self.every_ms))
            .then_some("`drift` looks less than once in 60 seconds, or more than once in a second")
    }
}

impl Baseline {
    /// Reads a baseline from YAML, as people write it.
    ///
    /// # Errors
    /// `DriftFileError` names the fault.
    pub fn parse(text: &str) -> Result<Self, DriftFileError> {
        let baseline: Self = yaml(text, DriftFileError::Baseline)?;
        baseline.fault().map_or(Ok(baseline), |fault| Err(DriftFileError::Rule(fault)))
    }

    /// Digest that names the baseline.
    ///
    /// # Errors
    /// `DriftFileError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, DriftFileError> {
        Ok(Digest::of(&canonical::encode("measured baseline", self)?))
    }

    /// The rule that it breaks.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let many = self.settings.len() > SETTINGS_MAX
            || self.packages.len() > PACKAGES_MAX
            || self.ports.as_ref().is_some_and(|ports| ports.len() > PORTS_MAX)
            || self.results.len() > RESULTS_MAX;
        let texts = self.settings.values().chain(self.packages.keys()).chain(self.packages.values());
        let mut texts = texts.chain(self.results.iter().map(|result| &result.file));
        let faults = [
            // Otherwise a host would be equal of which nothing was measured.
            (
                *self == Self::default(),
                "`baseline` declares nothing to measure: omit it, or name a setting or a package",
            ),
            (many, "`baseline` has more than 256 settings, 512 packages, 1,024 ports or 8 results"),
            (
                !self.settings.keys().all(|name| is_setting(name)),
                "a setting of `baseline` has no name such as `net.ipv4.ip_forward`",
            ),
            (
                !texts.all(|text| is_text(text)),
                "a text of `baseline` is empty, longer than 256 bytes or has control characters",
            ),
            (
                !self.results.iter().all(|result| result.file.starts_with('/') && result.hours > 0),
                "a result of `baseline` needs the whole path of its file, and at least one hour",
            ),
        ];
        faults.into_iter().find(|(broken, _)| *broken).map(|(_, fault)| fault)
    }
}

/// Whether this can name a setting of the kernel: parts of letters, digits, `_` and `-`, with a dot between two.
#[must_use]
pub fn is_setting(name: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_sign);
    name.len() <= TEXT_BYTES_MAX && name.contains('.') && name.split('.').all(is_part)
}

fn is_text(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

fn yaml<T: serde::de::DeserializeOwned>(
    text: &str,
    fault: fn(String) -> DriftFileError,
) -> Result<T, DriftFileError> {
    serde_saphyr::from_str(text).map_err(|error| fault(error.to_string().replace("<input>", "line")))
}

/// Drift that the kernel tells nothing of, such as that of a limit, is seen within five seconds, the look and its report included.
const fn every_default() -> u64 {
    4_000
}

const EVERY_MS_MIN: u64 = 1_000;
const EVERY_MS_MAX: u64 = 60_000;
const SETTINGS_MAX: usize = 256;
const PACKAGES_MAX: usize = 512;
const PORTS_MAX: usize = 1_024;
const RESULTS_MAX: usize = 8;
const TEXT_BYTES_MAX: usize = 256;
