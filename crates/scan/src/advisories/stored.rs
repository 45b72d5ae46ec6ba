//! The facts that a database stores about a package.
//!
//! Invariant: an entry is written and read by these types alone; an unknown field is an error.

use std::collections::BTreeMap;

use evidence::Moment;
use evidence::document::findings::Severity;
use serde::{Deserialize, Serialize};

use super::affected::Affected;

/// The advisories of a package, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Records that affect it.
    pub records: Vec<StoredRecord>,
    /// Versions that their publisher advises against, if an index was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<String, Withdrawn>,
    /// Times at which versions that fix a problem were published, if an index was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub released: BTreeMap<String, Moment>,
}

/// The word of a publisher against a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Sort of the word.
    pub kind: Withdrawal,
    /// Its reason; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Sorts of words against a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawal {
    /// New projects do not get it.
    Yanked,
    /// It should be replaced.
    Deprecated,
}

/// A record, for one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredRecord {
    /// Id.
    pub id: String,
    /// Other ids of the same problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Sort of the problem.
    #[serde(default, skip_serializing_if = "Sort::is_vulnerability")]
    pub sort: Sort,
    /// Its sentence.
    pub summary: String,
    /// Severity, if vector or word is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Base score times ten, if a vector is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Probability of exploitation, in hundredths of a percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<u16>,
    /// Whether the problem is known to be exploited.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exploited: bool,
    /// Time of the publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Moment>,
    /// Affected versions of the package.
    pub affected: Affected,
}

/// Sorts of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// The package has a vulnerability.
    #[default]
    Vulnerability,
    /// The package was made to harm.
    Malicious,
    /// Nobody keeps the package.
    Unmaintained,
    /// The package can break what its language promises.
    Unsound,
    /// A remark about the package.
    Notice,
}

impl Sort {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_vulnerability(&self) -> bool {
        matches!(self, Self::Vulnerability)
    }
}
