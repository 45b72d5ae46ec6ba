//! Sign-offs: a person has read the results of the tests of an artifact and answers for them.
//!
//! Invariant: a sign-off counts for exactly the documents of tests that its signer saw. After other results, somebody has
//! to look again. A build without reports of tests is signed off by the artifact alone, for tests by hand.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rules::{Content, KindRules, Matter};
use crate::Digest;
use crate::document::{DocumentKind, ReportRef};

/// The results that the person saw. The only subject of the statement is the artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// Digests of all documents of tests, of every runner.
    pub tests: BTreeSet<Digest>,
}

/// Digests of the documents that a sign-off names, among the reports that runners state.
pub fn results<'a>(reports: impl IntoIterator<Item = &'a ReportRef>) -> BTreeSet<Digest> {
    let tests = reports.into_iter().filter(|report| report.kind == DocumentKind::Tests);
    tests.map(|report| report.document).collect()
}

impl Content for SignOff {
    const RULES: KindRules =
        KindRules { roles: &["tester", "release-manager"], days_max: 365, bars_authors: true };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        if subjects.len() != 1 {
            return Some("it has one subject, the artifact");
        }
        (self.tests.len() > TESTS_MAX).then_some("it names more than 256 documents of tests")
    }

    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        subjects == [matter.artifact] && self.tests == matter.tests
    }

    fn summary(&self) -> String {
        match self.tests.len() {
            0 => "tests by hand".into(),
            1 => "1 document of tests".into(),
            count => format!("{count} documents of tests"),
        }
    }
}

const TESTS_MAX: usize = 256;
