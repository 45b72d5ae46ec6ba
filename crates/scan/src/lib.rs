//! Foreign formats: reports of scanners and tests, lockfiles and advisories become canonical documents.
//!
//! Input: bytes of a file, and the tree that it speaks about. Output: a document of `evidence::document`. Invariant:
//! everything here is pure, and no input, however large or deep, makes it fail other than by a [`ScanError`]. A report
//! that cannot be read whole is an error and never an empty document.

pub mod advisories;
pub mod components;
pub mod exports;
pub mod images;
pub mod links;
pub mod lint;
pub mod reports;
pub mod secrets;
pub mod vex;

use std::collections::BTreeMap;

use evidence::document::findings::Origin;

/// Largest report or lockfile in bytes.
pub const INPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A tree of files: the source that a report speaks about.
pub trait Tree {
    /// The content of a file; `None` if there is no such file, or it is no text.
    fn text(&self, path: &str) -> Option<&str>;

    /// The report that speaks about the tree.
    fn origin(&self) -> Origin<'_> {
        Origin::Scan
    }
}

impl Tree for BTreeMap<String, String> {
    fn text(&self, path: &str) -> Option<&str> {
        self.get(path).map(String::as_str)
    }
}

/// Errors of reading foreign bytes.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The input is larger than allowed.
    #[error("{what}: more than {INPUT_BYTES_MAX} bytes; split it, or report less")]
    Long {
        /// Name of the format.
        what: &'static str,
    },
    /// The input is not of this format.
    #[error("{what}: {why}")]
    Format {
        /// Name of the format.
        what: &'static str,
        /// Place and cause, and what to do.
        why: String,
    },
    /// The result is no sound document.
    #[error(transparent)]
    Document(#[from] evidence::document::DocumentError),
}
