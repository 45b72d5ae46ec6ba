//! Sorts and severities of findings.

use serde::{Deserialize, Serialize};

/// Sorts of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A weakness of the source.
    Code,
    /// A dependency with a known vulnerability.
    Dependency,
    /// A secret in the source, its history, an artifact or a log.
    Secret,
    /// A licence that is denied or unknown.
    Licence,
    /// A weakness that a scanner found in a running service.
    Web,
    /// A dangerous or differing configuration.
    Configuration,
    /// A dependency that is unpinned, withdrawn, deprecated, malicious or not the declared one.
    Supply,
}

/// Severities, from the lowest to the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// No risk.
    None,
    /// CVSS 0.1 to 3.9.
    Low,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// Neither vector nor level is known. It counts more than `medium`, so that silence is no discount.
    Unknown,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 9.0 to 10.0.
    Critical,
}

impl Severity {
    /// The name in documents and policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::Unknown => "unknown",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The rating of a CVSS base score times ten
    /// (<https://www.first.org/cvss/v4.0/specification-document#Qualitative-Severity-Rating-Scale>).
    #[must_use]
    pub const fn of_score(score: u8) -> Self {
        match score {
            0 => Self::None,
            1..=39 => Self::Low,
            40..=69 => Self::Medium,
            70..=89 => Self::High,
            _ => Self::Critical,
        }
    }
}
