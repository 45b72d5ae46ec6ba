//! A file that a reader reads, the tree around it, and paths in that tree.
//!
//! Invariant: no path leads out of the tree.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, Within};
use super::maven_projects::Projects;
use super::node;

pub use super::paths::{base, directory, joined, within_directory};

/// Largest lockfile in bytes. The lockfile of 10,000 packages has about 5 MiB.
pub const LOCKFILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Names of the projects in the tree, by ecosystem. Each is read once for all files, because a tree may have thousands.
#[derive(Debug, Default)]
pub struct Own {
    /// Paths of Go modules.
    pub go: OnceCell<BTreeSet<String>>,
    /// Maven projects.
    pub maven: OnceCell<Projects>,
}

/// A file that is read, and the tree that it is in.
#[derive(Debug)]
pub struct Input<'a> {
    /// Path.
    pub path: &'a str,
    /// Content.
    pub text: &'a str,
    /// Files of the tree.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// Projects of the tree.
    pub own: &'a Own,
}

impl<'a> Input<'a> {
    /// The directory of the file, without a slash at its end.
    pub fn directory(&self) -> &'a str {
        directory(self.path)
    }

    /// The text of another file of the tree; `None` if it is missing.
    pub fn other(&self, path: &str) -> Result<Option<&'a str>, Fault> {
        let Some(bytes) = self.files.get(path) else { return Ok(None) };
        if bytes.len() > LOCKFILE_BYTES_MAX {
            return Err(Fault::new(format!("it has more than {LOCKFILE_BYTES_MAX} bytes")).within(path));
        }
        node::text(bytes).within(|| path).map(Some)
    }

    /// Whether the tree has a file below this directory.
    pub fn has_directory(&self, path: &str) -> bool {
        if path.is_empty() {
            return true;
        }
        let below = format!("{path}/");
        self.files.range(below.clone()..).next().is_some_and(|(found, _)| found.starts_with(&below))
    }
}
