//! Reports of real tools, and hostile ones.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "../../../tlog/tests/support/published.rs"]
mod published_vectors;

mod audits;
mod changes;
mod counts;
mod coverage;
mod hostile;
mod incomplete;
mod junit;
mod more_scanners;
mod mutations;
mod published;
mod purls;
mod real;
mod sarif;
mod scanners;
mod seeds;
mod vex;

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use evidence::document::{Document, FindingsDocument, TestsDocument};
use scan::reports::{ReportFormat, translate};

/// The findings of a report about a tree of files.
fn findings(format: ReportFormat, bytes: &[u8], tree: &BTreeMap<String, String>) -> FindingsDocument {
    let translated = translate(format, bytes, tree, Origin::Scan).unwrap_or_else(|error| panic!("{error}"));
    let document = FindingsDocument::decode(&translated.document).unwrap();
    assert_eq!(document.items(), translated.items);
    document
}

fn tests(bytes: &[u8]) -> TestsDocument {
    let translated = translate(ReportFormat::Junit, bytes, &BTreeMap::new(), Origin::Scan)
        .unwrap_or_else(|error| panic!("{error}"));
    TestsDocument::decode(&translated.document).unwrap()
}

/// The error of a report that must not be read.
fn refusal(format: ReportFormat, bytes: &[u8]) -> String {
    translate(format, bytes, &BTreeMap::new(), Origin::Scan).unwrap_err().to_string()
}

/// Files of twenty lines.
fn sources(paths: &[&str]) -> BTreeMap<String, String> {
    paths.iter().map(|path| ((*path).to_owned(), "x\n".repeat(20))).collect()
}

fn tree(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}
