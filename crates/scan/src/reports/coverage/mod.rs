//! Reports of coverage: which lines of which files the tests ran.
//!
//! Invariant: a line ran if a record of the report says so, and a file that is named twice counts once. Only files of the
//! tree count, and only lines that they have: a report cannot add others that ran. A report whose own counts are worse than
//! its lines, or that names no file of the tree, is an error.

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
        (!shown.is_empty() && path.len() <= TEXT_BYTES_MAX).then(|| self.files.entry(path).or_default())
    }

    /// Counts a record of a line; whether there may be more.
    const fn more(&mut self) -> bool {
        self.records += 1;
        self.records <= RECORDS_MAX
    }

    /// All lines that the report shows, also of files that the tree does not have.
    fn shown(&self) -> Lines {
        counted(self.files.values().flat_map(BTreeMap::values))
    }

    /// The lines of the tree's files; the fault if the report names no such file.
    fn document(self, tool: Tool, tree: &dyn Tree) -> Result<CoverageDocument, &'static str> {
        if self.files.is_empty() {
            return Err(NO_FILE);
        }
        let mut document = CoverageDocument::new([tool]);
        for (path, found) in &self.files {
            let Some(source) = tree.text(path) else { continue };
            let last = source.lines().count() as u64;
            let known = counted(found.iter().filter(|(n, _)| (1..=last).contains(*n)).map(|(_, ran)| ran));
            let lines = document.files.entry(text(path, TEXT_BYTES_MAX)).or_default();
            lines.covered += known.covered;
            lines.total += known.total;
        }
        if document.files.is_empty() { Err(NO_SOURCE) } else { Ok(document) }
    }
}

fn counted<'a>(lines: impl Iterator<Item = &'a bool>) -> Lines {
    lines.fold(Lines::default(), |sum, ran| Lines {
        covered: sum.covered + u64::from(*ran),
        total: sum.total + 1,
    })
}

/// Whether a line ran, by the number of times.
fn ran(times: &str) -> Option<bool> {
    let is_count = !times.is_empty() && times.bytes().all(|b| b.is_ascii_digit());
    is_count.then(|| times.bytes().any(|b| b != b'0'))
}

const RECORDS_MAX: usize = 2_000_000;
const NO_FILE: &str = "it names no file; did the tests run?";
const NO_SOURCE: &str = "none of its files is in the commit; let the tool measure the sources, with their paths in the repository";
const PATH: &str = "the path of the file is empty or long";
const COUNT: &str = "expected the number of a line, and how often it ran";
const MANY: &str = "more than 2000000 lines; report less";
