//! The tests that reports of a run name, by report: counts, and the names of those that failed.
//!
//! Invariant: no signature is checked here; the receipts were verified when they were recorded.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::{Document as _, DocumentKind, Maker, ReportRef, TestsDocument};
use evidence::receipt::Receipt;
use evidence::{Digest, Name};

use crate::results::{ReportCounts, counts};

/// The tests of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestReport {
    /// The report, with the step or check.
    pub report: String,
    /// Counts in words.
    pub counts: String,
    /// Whether no test failed.
    pub passed: bool,
    /// Names of the tests that failed on some runner, at most [`FAILED_MAX`].
    pub failed: Vec<String>,
}

/// The reports of tests that receipts name; `document` reads the bytes of a document.
pub fn of<'a>(
    receipts: impl Iterator<Item = &'a Receipt>,
    document: impl Fn(&Digest) -> Option<Vec<u8>>,
) -> Vec<TestReport> {
    let mut found: BTreeMap<(Maker, &str), BTreeMap<Name, ReportRef>> = BTreeMap::new();
    for receipt in receipts {
        let Some(maker) = Maker::of(&receipt.work) else { continue };
        let tests = receipt.reports.iter().filter(|(_, report)| report.kind == DocumentKind::Tests);
        for (path, report) in tests {
            let by = found.entry((maker.clone(), path)).or_default();
            by.insert(receipt.runner.clone(), report.clone());
        }
    }
    let report = |((maker, path), by): (&(Maker, &str), &BTreeMap<Name, ReportRef>)| {
        let report = ReportCounts::of(maker, path, by);
        let bad = ["failed", "error"].iter().filter_map(|name| report.items.get(*name)).sum::<u64>();
        let documents: BTreeSet<Digest> = by.values().map(|report| report.document).collect();
        TestReport {
            report: format!("{path} of {maker}"),
            counts: counts(&report.items),
            passed: bad == 0,
            failed: failed(documents.iter().filter_map(&document)),
        }
    };
    found.iter().map(report).collect()
}

fn failed(documents: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for document in documents.filter_map(|bytes| TestsDocument::decode(&bytes).ok()) {
        for (suite, tests) in &document.suites {
            let failed = tests.iter().filter(|(_, test)| test.outcome.is_failure());
            names.extend(failed.map(|(name, _)| format!("{suite} {name}")));
        }
    }
    names.into_iter().take(FAILED_MAX).collect()
}

/// Most failed tests of one report.
pub const FAILED_MAX: usize = 50;
