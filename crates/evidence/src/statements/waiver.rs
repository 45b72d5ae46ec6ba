//! Waivers: a person accepts one finding, or the failure of one test, until a time, and gives the reason.
//!
//! Invariant: a waiver of a test is about exactly this suite and name in the reports in which its signer saw it fail,
//! whichever run or tool made them. A test that is waived and passes is about nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rules::{Content, KindRules, Matter};
use super::seen::SeenFinding;
use super::seen_report::SeenReport;
use crate::Digest;
use crate::document::findings::Finding;
use crate::document::{TEXT_BYTES_MAX, tests};

/// The subject as its signer saw it. The only subject of the statement is the identity of the finding or of the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Waiver {
    /// A finding.
    Finding(SeenFinding),
    /// A test that fails: it is in quarantine.
    Test(SeenTest),
}

/// A test as a signer saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenTest {
    /// Its suite, with its class.
    pub suite: String,
    /// Its name.
    pub test: String,
    /// The reports in which it failed. Empty in statements from before this field, which settle the failure in each report.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reports: BTreeSet<SeenReport>,
}

impl Waiver {
    /// A waiver of a finding as a person sees it now.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        Self::Finding(SeenFinding::of(finding))
    }
}

impl Content for Waiver {
    const RULES: KindRules =
        KindRules { roles: &["security", "release-manager"], days_max: 365, bars_authors: true };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        match self {
            Self::Finding(finding) => finding.form_fault(subjects),
            Self::Test(SeenTest { suite, test, reports }) => {
                let short = |text: &String| (1..=TEXT_BYTES_MAX).contains(&text.len());
                if !short(suite) || !short(test) || !reports.iter().map(SeenReport::path).all(short) {
                    return Some("its suite, its test or the path of a report is empty or long");
                }
                let identity = tests::identity(suite, test).ok();
                (subjects != identity.as_slice()).then_some("it has one subject, the identity of the test")
            }
        }
    }

    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        match self {
            Self::Finding(finding) => finding.was_found(subjects, matter),
            Self::Test(_) => subjects.iter().any(|test| matter.failing.contains(test)),
        }
    }

    fn misstates(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        matches!(self, Self::Finding(seen) if seen.misstates(subjects, matter))
    }

    fn settles(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
        match self {
            Self::Finding(seen) => seen.settles(subjects, id, finding),
            Self::Test(_) => false,
        }
    }

    fn outgrown(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> Option<String> {
        match self {
            Self::Finding(seen) => seen.outgrown(subjects, id, finding),
            Self::Test(_) => None,
        }
    }

    fn settles_test(&self, subjects: &[Digest], test: &Digest, report: &SeenReport) -> bool {
        let Self::Test(seen) = self else { return false };
        subjects.contains(test) && (seen.reports.is_empty() || seen.reports.contains(report))
    }

    fn summary(&self) -> String {
        match self {
            Self::Finding(finding) => finding.told(),
            Self::Test(SeenTest { suite, test, reports }) => {
                let reports: Vec<_> = reports.iter().map(ToString::to_string).collect();
                let within = if reports.is_empty() { "" } else { " in " };
                format!("test {suite} {test}{within}{}", reports.join(", "))
            }
        }
    }
}
