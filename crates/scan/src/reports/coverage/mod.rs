//! Reports of coverage: which lines of which files the tests ran.
//!
//! Invariant: a line ran if a record of the report says so, and a file that is named twice counts once. A report whose
//! own counts are worse than its lines, or that names no file, is an error.

pub(super) mod cobertura;
pub(super) mod lcov;

use std::collections::BTreeMap;

use evidence::document::coverage::Lines;
use evidence::document::{CoverageDocument, TEXT_BYTES_MAX, Tool, text};

use super::path;
use crate::Tree;

/// Lines by file and number, and whether each ran.
#[derive(Debug, Default)]
struct Measured {
    files: BTreeMap<String, BTreeMap<u64, bool>>,
    records: usize,
}

impl Measured {
    /// The lines of a file. Its path is relative to the tree if the tree has it, below a root or not.
    fn file(&mut self, roots: &[&str], name: &str, tree: &dyn Tree) -> Option<&mut BTreeMap<u64, bool>> {
        let below = roots.iter().map(|root| format!("{}/{name}", root.trim_end_matches('/')));
        let path = below
            .filter(|_| !name.starts_with('/'))
            .map(|path| path::of_path(&path, tree))
            .find(|path| tree.text(path).is_some())
            .unwrap_or_else(|| path::of_path(name, tree));
        let shown = text(&path, TEXT_BYTES_MAX);
        (!shown.is_empty() && path.len() <= TEXT_BYTES_MAX).then(|| self.files.entry(shown).or_default())
    }

    /// Counts a record of a line; whether there may be more.
    const fn more(&mut self) -> bool {
        self.records += 1;
        self.records <= RECORDS_MAX
    }

    fn document(self, tool: Tool) -> CoverageDocument {
        let lines = |lines: &BTreeMap<u64, bool>| Lines {
            covered: lines.values().filter(|ran| **ran).count() as u64,
            total: lines.len() as u64,
        };
        let mut document = CoverageDocument::new([tool]);
        document.files = self.files.iter().map(|(path, found)| (path.clone(), lines(found))).collect();
        document
    }
}

/// Whether a line ran, by the number of times.
fn ran(times: &str) -> Option<bool> {
    let is_count = !times.is_empty() && times.bytes().all(|b| b.is_ascii_digit());
    is_count.then(|| times.bytes().any(|b| b != b'0'))
}

const RECORDS_MAX: usize = 2_000_000;
const NO_FILE: &str = "it names no file; did the tests run?";
const PATH: &str = "the path of the file is empty or long";
const COUNT: &str = "expected the number of a line, and how often it ran";
const MANY: &str = "more than 2000000 lines; report less";
