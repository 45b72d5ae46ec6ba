//! Faults of files: each with file, line, column and remedy.
//!
//! Invariant: all faults of a directory are told together, at most [`SHOWN_MAX`] of them, and nothing is done while there is one.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::Error;

/// A position in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct At {
    /// Path of the file, below the directory.
    pub file: Arc<str>,
    /// Line, from 1; 0 if the fault is about the whole file.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

impl At {
    /// A whole file.
    #[must_use]
    pub fn file(path: &str) -> Self {
        Self { file: path.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Its position.
    pub at: At,
    /// The fault, with its remedy.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At { file, line, column } = &self.at;
        match line {
            0 => write!(f, "`{file}`: {}", self.what),
            line => write!(f, "`{file}`, line {line}, column {column}: {}", self.what),
        }
    }
}

/// All faults of a directory.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, at: &At, what: impl Into<String>) {
        self.0.push(Fault { at: at.clone(), what: what.into() });
    }

    /// Whether no fault was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An error that tells all of them, if there are any.
    ///
    /// # Errors
    /// `Error` with a line for each fault.
    pub fn end(mut self) -> Result<(), Error> {
        self.0.sort();
        self.0.dedup();
        let more = self.0.len().saturating_sub(SHOWN_MAX);
        let mut lines: Vec<_> = self.0.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
        if lines.is_empty() {
            return Ok(());
        }
        if more > 0 {
            lines.push(format!("and {more} more faults"));
        }
        Err(Error::unusable(format!("{}\nnothing was signed or sent", lines.join("\n"))))
    }
}

/// Most faults that are told at once.
pub const SHOWN_MAX: usize = 50;
