//! Contents of the documents that steps leave, as an index keeps them: packages, and problems.
//!
//! Input: the bytes of one document. Output: values. Invariant: a document that cannot be read is told apart from one that has
//! nothing to list, so that silence is never taken for absence.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::document::components::Component;
use evidence::document::findings::{Finding, Severity, Site};
use evidence::document::{AnyDocument, DocumentKind};

/// A document, as far as an index keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum Listing {
    /// A list of packages.
    Packages(Vec<Package>),
    /// A list of problems.
    Problems(Vec<Problem>),
    /// A document of another kind.
    Other,
    /// Bytes that are no document which this program knows.
    Unreadable,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Package URL with version.
    pub purl: String,
    /// Name in its ecosystem.
    pub name: String,
    /// Version.
    pub version: String,
    /// Whether the project itself names it, if that is known.
    pub direct: Option<bool>,
}

/// A problem that a scanner reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Identity of the finding.
    pub id: Digest,
    /// The finding.
    pub finding: Finding,
}

impl Listing {
    /// The listing of a document.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let decoded = DocumentKind::ALL.iter().find_map(|kind| AnyDocument::decode(*kind, bytes).ok());
        match decoded {
            Some(AnyDocument::Components(list)) => {
                let package = |(purl, known): (String, Component)| Package {
                    purl,
                    name: known.name,
                    version: known.version,
                    direct: known.direct,
                };
                Self::Packages(list.components.into_iter().map(package).collect())
            }
            Some(AnyDocument::Findings(list)) => Self::Problems(
                list.findings.into_iter().map(|(id, finding)| Problem { id, finding }).collect(),
            ),
            Some(_) => Self::Other,
            None => Self::Unreadable,
        }
    }
}

impl Package {
    /// Its package URL without version, qualifiers and path.
    #[must_use]
    pub fn bare(&self) -> &str {
        bare(&self.purl)
    }
}

/// A package URL without version, qualifiers and path. An `@` of a namespace stands before a slash.
#[must_use]
pub fn bare(purl: &str) -> &str {
    let purl = purl.split(['?', '#']).next().unwrap_or_default();
    match purl.rsplit_once('@') {
        Some((package, version)) if !version.contains('/') => package,
        _ => purl,
    }
}

impl Problem {
    /// Ids by which people ask for it, in upper case: its rule and its aliases.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let all = self.finding.aliases.iter().chain([&self.finding.rule]);
        all.map(|id| id.to_uppercase()).collect()
    }

    /// Package URL of its component, if it is about one.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        match &self.finding.site {
            Site::Component { purl, .. } => Some(purl),
            Site::File { .. } | Site::Page { .. } | Site::Whole => None,
        }
    }
}

/// The rank of a severity in an index: higher is worse.
#[must_use]
pub const fn rank(severity: Severity) -> i64 {
    match severity {
        Severity::None => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::Unknown => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// The severity of a rank.
#[must_use]
pub const fn severity_of(rank: i64) -> Severity {
    match rank {
        0 => Severity::None,
        1 => Severity::Low,
        2 => Severity::Medium,
        3 => Severity::Unknown,
        4 => Severity::High,
        _ => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::document::Document as _;
    use evidence::document::findings::{Class, Severity};
    use lab::documents;

    use super::{Listing, bare, rank, severity_of};

    #[test]
    fn a_document_is_listed_by_what_it_is_and_unknown_bytes_are_told_apart() {
        let found = documents::findings(&[("GHSA-1", Class::Code, Severity::High)]);
        let Listing::Problems(problems) = Listing::of(&found.encode().unwrap()) else { unreachable!() };
        assert_eq!(problems.len(), 1);
        assert!(problems[0].ids().contains("GHSA-1"));
        assert_eq!(Listing::of(b"{}"), Listing::Unreadable);
        assert_eq!(Listing::of(b""), Listing::Unreadable);
    }

    #[test]
    fn a_rank_is_of_one_severity() {
        for severity in [
            Severity::None,
            Severity::Low,
            Severity::Medium,
            Severity::Unknown,
            Severity::High,
            Severity::Critical,
        ] {
            assert_eq!(severity_of(rank(severity)), severity);
        }
    }

    #[test]
    fn a_package_url_loses_its_version_and_no_namespace() {
        for (purl, expected) in [
            ("pkg:cargo/serde@1.0.0", "pkg:cargo/serde"),
            ("pkg:npm/%40acme/pad@1.0", "pkg:npm/%40acme/pad"),
            ("pkg:npm/@acme/pad", "pkg:npm/@acme/pad"),
            ("pkg:deb/debian/curl@7.5?arch=amd64", "pkg:deb/debian/curl"),
        ] {
            assert_eq!(bare(purl), expected);
        }
    }
}
