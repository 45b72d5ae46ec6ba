//! Tests of a release as a person reads them: counts, those that failed, and the requirements and controls that they cover.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::tests::{TestOutcome, identity};
use evidence::document::{Document as _, TestsDocument};
use evidence::{Digest, Moment};
use judge::{DocumentProof, ProvenStatement, settling_test};
use serde::Serialize;

use super::lines::{LISTED_MAX, MESSAGE_CHARS, PATH_CHARS, SHOWN_MAX, TOOL_CHARS, counts, more};
use crate::ids::beginnings;

/// Tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestsShown {
    /// Counts by outcome.
    pub counts: BTreeMap<String, u64>,
    /// Failed tests, each with its suite, at most [`LISTED_MAX`]. Those that are not waived come first.
    pub failed: Vec<FailedTest>,
    /// Requirements and controls by id, at most [`LISTED_MAX`]; those that no passed test covers come first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<Covered>,
    #[serde(skip)]
    covers_all: usize,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedTest {
    /// Beginning of its id, which no other failed test of the release has.
    pub id: String,
    /// Suite and name.
    pub test: String,
    /// The tool's sentence.
    pub message: Option<String>,
    /// End of the waiver that settles its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived_until: Option<Moment>,
}

/// A requirement or control, and how the tests that name it ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Covered {
    /// Whether a passed test covers it.
    pub covered: bool,
    /// Its id.
    pub id: String,
    /// Counts of tests by outcome.
    pub tests: BTreeMap<String, u64>,
}

impl TestsShown {
    pub(super) fn of(
        document: &TestsDocument,
        proof: &DocumentProof,
        statements: &[ProvenStatement],
    ) -> Self {
        let tests =
            || document.suites.iter().flat_map(|(suite, tests)| tests.iter().map(move |row| (suite, row)));
        let failing = document.failing();
        let ids: BTreeMap<&Digest, String> = failing.iter().zip(beginnings(&failing)).collect();
        let failed = tests().filter(|(_, (_, test))| test.outcome.is_failure());
        let mut failed: Vec<_> = failed
            .map(|(suite, (name, test))| {
                let whole = identity(suite, name).ok();
                let settling = whole.and_then(|id| settling_test(proof, statements, &id));
                let id = whole.and_then(|id| ids.get(&id).cloned());
                FailedTest {
                    id: id.unwrap_or_default(),
                    test: format!("{suite} {name}"),
                    message: test.message.clone(),
                    waived_until: settling.map(|proven| proven.statement.expires),
                }
            })
            .collect();
        failed.sort_by_key(|test| test.waived_until.is_some());
        failed.truncate(LISTED_MAX);
        let mut covered: BTreeMap<&str, (bool, BTreeMap<String, u64>)> = BTreeMap::new();
        for (_, (_, test)) in tests() {
            for id in &test.covers {
                let (covered, counts) = covered.entry(id).or_default();
                *covered |= matches!(test.outcome, TestOutcome::Passed | TestOutcome::Flaky);
                *counts.entry(test.outcome.as_str().to_owned()).or_default() += 1;
            }
        }
        let covers_all = covered.len();
        let row = |(id, (covered, tests)): (&str, _)| Covered { covered, id: id.to_owned(), tests };
        let covers: BTreeSet<_> = covered.into_iter().map(row).collect();
        Self {
            counts: document.items(),
            failed,
            covers: covers.into_iter().take(LISTED_MAX).collect(),
            covers_all,
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("tests: {}", counts(&self.counts))];
        lines.extend(self.failed.iter().take(SHOWN_MAX).map(FailedTest::line));
        let all = ["failed", "error"].iter().filter_map(|name| self.counts.get(*name)).sum();
        lines.extend(more(all, self.failed.len().min(SHOWN_MAX), "failed test"));
        if !self.covers.is_empty() {
            lines.push("requirements and controls:".to_owned());
            let shown = self.covers.iter().take(SHOWN_MAX);
            lines.extend(shown.map(Covered::line));
            let all = u64::try_from(self.covers_all).unwrap_or(u64::MAX);
            lines.extend(more(all, self.covers.len().min(SHOWN_MAX), "id"));
        }
        lines
    }
}

impl FailedTest {
    fn line(&self) -> String {
        let message = self.message.as_ref().map(|message| shown::brief(message, MESSAGE_CHARS));
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        let waived = self.waived_until.map(|until| format!(", waived until {until} in UTC"));
        let (waived, test) = (waived.unwrap_or_default(), shown::brief(&self.test, PATH_CHARS));
        format!("  failed{waived}: {test}{message} (test {})", self.id)
    }
}

impl Covered {
    fn line(&self) -> String {
        let missing = if self.covered { "" } else { "; no test that passed covers it" };
        format!("  {}: {}{missing}", shown::brief(&self.id, TOOL_CHARS), counts(&self.tests))
    }
}
