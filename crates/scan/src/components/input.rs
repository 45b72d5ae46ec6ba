//! A file that a reader reads, the tree around it, and paths in that tree.
//!
//! Invariant: no path leads out of the tree.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, Within};
use super::node;

/// Largest lockfile in bytes. The lockfile of 10,000 packages has about 5 MiB.
pub const LOCKFILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Names of the projects in the tree, by ecosystem. Each is read once for all files, because a tree may have thousands.
#[derive(Debug, Default)]
pub struct Own {
    /// Paths of Go modules.
    pub go: OnceCell<BTreeSet<String>>,
    /// `GROUP:ARTIFACT` of Maven projects.
    pub maven: OnceCell<BTreeSet<String>>,
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

/// The name of a file.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The directory of a file.
pub fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// A path below a directory.
pub fn within_directory(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A relative path below a directory of the tree; `None` if it leads out of the tree.
pub fn joined(directory: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
