//! Findings in numbers: by severity, settled or open, and which are grave.
//!
//! Invariant: a suspicion is counted apart, and is never grave.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use evidence::Digest;
use evidence::document::findings::{Class, Finding, Severity};
use evidence::document::{Document as _, FindingsDocument};

use crate::standing::Standing;

/// Counts of the findings of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open findings that a tool is sure of, by severity.
    pub open: BTreeMap<Severity, usize>,
    /// Open findings that a tool only suspects.
    pub suspected: usize,
    /// Findings that a waiver settles.
    pub waived: usize,
    /// Findings that do not affect the product.
    pub not_affected: usize,
    /// Open findings that are grave.
    pub grave: usize,
}

/// Counts of findings by severity, suspicions aside, whether they are settled or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Severity, usize>);

impl Tally {
    /// The counts of findings as they stand.
    #[must_use]
    pub fn of<'a>(findings: impl IntoIterator<Item = (&'a Finding, &'a Standing)>) -> Self {
        let mut tally = Self::default();
        for (finding, standing) in findings {
            match standing {
                Standing::Waived(..) => tally.waived += 1,
                Standing::Harmless(..) => tally.not_affected += 1,
                Standing::Open | Standing::Outgrown(_) if finding.unconfirmed => tally.suspected += 1,
                Standing::Open | Standing::Outgrown(_) => {
                    *tally.open.entry(finding.severity).or_default() += 1;
                    tally.grave += usize::from(is_grave(finding));
                }
            }
        }
        tally
    }

    /// Counts by severity in words, the severest first: `1 critical`, `2 high`, `1 suspected`.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = by_severity(&self.open);
        words.extend((self.suspected > 0).then(|| format!("{} suspected", self.suspected)));
        words
    }

    /// Number of open findings, suspicions among them.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.values().sum::<usize>() + self.suspected
    }
}

/// Whether a finding is critical.
#[must_use]
pub fn is_critical(finding: &Finding) -> bool {
    finding.severity == Severity::Critical
}

/// Whether a finding is critical, known to be exploited, or a secret. A suspicion is not grave.
#[must_use]
pub fn is_grave(finding: &Finding) -> bool {
    let grave = finding.severity == Severity::Critical || finding.exploited || finding.class == Class::Secret;
    grave && !finding.unconfirmed
}

/// The order of findings: suspicions last, what is exploited first, then the severest.
#[must_use]
pub fn rank(finding: &Finding) -> impl Ord + use<> {
    (finding.unconfirmed, !is_grave(finding), !finding.exploited, Reverse((finding.severity, finding.score)))
}

impl Counts {
    /// The counts of these documents; `None` if none of them is about findings. A judge has seen them before.
    #[must_use]
    pub fn of(documents: &BTreeMap<Digest, evidence::Bytes>) -> Option<Self> {
        let read: Vec<_> =
            documents.values().filter_map(|bytes| FindingsDocument::decode(&bytes.0).ok()).collect();
        let all: BTreeMap<&Digest, &Finding> = read.iter().flat_map(|document| &document.findings).collect();
        let mut counts = BTreeMap::new();
        for finding in all.values().filter(|finding| !finding.unconfirmed) {
            *counts.entry(finding.severity).or_default() += 1;
        }
        (!read.is_empty()).then_some(Self(counts))
    }

    /// Number of findings.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// The counts in words, the severest first; `none` for an empty count.
    #[must_use]
    pub fn words(&self) -> String {
        let parts = by_severity(&self.0);
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }
}

fn by_severity(counts: &BTreeMap<Severity, usize>) -> Vec<String> {
    counts.iter().rev().map(|(severity, count)| format!("{count} {}", severity.as_str())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use lab::documents;

    use super::*;

    #[test]
    fn suspicions_and_other_documents_are_not_counted() {
        let mut sure =
            documents::findings(&[("a", Class::Code, Severity::High), ("b", Class::Code, Severity::Low)]);
        let mut suspected = documents::findings(&[("c", Class::Code, Severity::Critical)]);
        suspected.findings.values_mut().for_each(|finding| finding.unconfirmed = true);
        sure.findings.append(&mut suspected.findings);
        let found = documents::LabDocument::of(&sure);
        let tests = &documents::harmless()[documents::TESTS];
        let counts = |all: &[&documents::LabDocument]| {
            let all = all.iter().map(|one| (one.digest(), evidence::Bytes(one.bytes.clone())));
            Counts::of(&all.collect()).map(|counts| (counts.total(), counts.words()))
        };
        assert_eq!(counts(&[&found, tests]), Some((2, "1 high, 1 low".to_owned())));
        let none = documents::LabDocument::of(&documents::findings(&[]));
        assert_eq!(counts(&[&none]), Some((0, "none".to_owned())));
        assert_eq!(counts(&[tests]), None, "no report of findings");
    }
}
