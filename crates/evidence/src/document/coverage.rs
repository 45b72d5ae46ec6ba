//! The `coverage` document: how many lines of each file the tests ran.
//!
//! Invariant: no file has more lines covered than it has lines, and a document names at least one file. Of several
//! runners the lowest counts: a file that one of them did not measure has no line covered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::{Document, DocumentError, TEXT_BYTES_MAX, Tool, check_tools, is_text};

/// Highest number of files in one document.
pub const FILES_MAX: usize = 20_000;
/// Highest number of lines of a file.
pub const LINES_MAX: u64 = 10_000_000;

/// A `coverage` document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageDocument {
    /// Version of this format; 1.
    pub v: u8,
    /// Tools that measured.
    pub tools: BTreeSet<Tool>,
    /// Lines by file, a path of the source tree where the tree has it.
    pub files: BTreeMap<String, Lines>,
}

/// Lines that can be run, and how many of them ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Lines that ran.
    pub covered: u64,
    /// Lines that can be run.
    pub total: u64,
}

impl CoverageDocument {
    /// A document of no file, which is not sound yet.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self { v: 1, tools: tools.into_iter().collect(), files: BTreeMap::new() }
    }

    /// The lines of all files.
    #[must_use]
    pub fn lines(&self) -> Lines {
        self.files.values().fold(Lines::default(), |sum, lines| Lines {
            covered: sum.covered.saturating_add(lines.covered),
            total: sum.total.saturating_add(lines.total),
        })
    }
}

impl Lines {
    /// The lowest of both.
    fn lowest(self, other: Self) -> Self {
        Self { covered: self.covered.min(other.covered), total: self.total.max(other.total) }
    }
}

impl Document for CoverageDocument {
    const TITLE: &'static str = "coverage document";

    fn check(&self) -> Result<(), DocumentError> {
        let rule = |what: String| Err(DocumentError::Rule { document: Self::TITLE, what });
        if self.v != 1 {
            return rule("`v` is not 1, the version that this program knows".into());
        }
        check_tools(Self::TITLE, &self.tools)?;
        if self.files.is_empty() || self.files.len() > FILES_MAX {
            return rule(format!("it has {} files, between 1 and {FILES_MAX} are allowed", self.files.len()));
        }
        let sound = |(path, lines): &(&String, &Lines)| {
            is_text(path, TEXT_BYTES_MAX) && lines.covered <= lines.total && lines.total <= LINES_MAX
        };
        match self.files.iter().find(|row| !sound(row)) {
            Some((path, lines)) => rule(format!(
                "file `{path}` is long or not printable, or has an impossible number of lines: {} of {}",
                lines.covered, lines.total
            )),
            None => Ok(()),
        }
    }

    fn tools(&self) -> &BTreeSet<Tool> {
        &self.tools
    }

    fn items(&self) -> BTreeMap<String, u64> {
        let Lines { covered, total } = self.lines();
        let counts = [("files", self.files.len() as u64), ("covered", covered), ("lines", total)];
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    fn facts(&self) -> Result<Option<Value>, serde_json::Error> {
        let file = |(path, lines): (&String, &Lines)| json!({ "path": path, "covered": lines.covered, "total": lines.total });
        let files: Vec<Value> = self.files.iter().map(file).collect();
        Ok(Some(json!({ "lines": self.lines(), "files": files })))
    }

    fn merge(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        for (path, lines) in other.files {
            let known = self.files.entry(path).or_insert(lines);
            *known = known.lowest(lines);
        }
        self
    }

    fn join(self, mut other: Self) -> Result<Self, DocumentError> {
        let blank = |lines: &Lines| Lines { covered: 0, total: lines.total };
        let mut joined = self;
        for (path, lines) in &mut joined.files {
            *lines = other.files.remove(path).map_or_else(|| blank(lines), |others| lines.lowest(others));
        }
        joined.files.extend(other.files.iter().map(|(path, lines)| (path.clone(), blank(lines))));
        joined.tools.extend(other.tools);
        Ok(joined)
    }
}
