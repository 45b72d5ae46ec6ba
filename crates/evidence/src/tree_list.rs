//! Tree lists: every file of a commit, with its path, mode, size and SHA-256 digest. Format:
//! `docs/formats/tree-list.md`.
//!
//! Invariant: the list is sorted by the bytes of the paths and each path is unique. No path leaves the tree or lies
//! below a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

/// Highest number of files in one list.
pub const FILES_MAX: usize = 200_000;
/// Largest list in bytes.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Kind of a file in a tree, written as git's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileMode {
    /// A file.
    #[serde(rename = "100644")]
    Plain,
    /// An executable file.
    #[serde(rename = "100755")]
    Executable,
    /// A symbolic link. Its content is the target.
    #[serde(rename = "120000")]
    Link,
    /// A commit of another repository, which is not checked out. Its content is that commit's id.
    #[serde(rename = "160000")]
    Submodule,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeFile {
    /// Path from the root of the tree, with `/`.
    pub path: String,
    /// Kind of the file.
    pub mode: FileMode,
    /// Size of the content in bytes.
    pub size: u64,
    /// Digest of the content.
    pub sha256: Digest,
}

/// All files of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeList(Vec<TreeFile>);

/// Faults of a tree list.
#[derive(Debug, thiserror::Error)]
pub enum TreeListError {
    /// The bytes are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The list has too many files.
    #[error("tree list: more than {FILES_MAX} files")]
    Many,
    /// A path leaves the tree, is repeated, is out of order, or lies below a file.
    #[error("tree list: `{0}` is not a path that can stand here")]
    Path(String),
}

impl TreeList {
    /// Creates a list from files in any order.
    ///
    /// # Errors
    /// `TreeListError` when a path is invalid or repeated.
    pub fn new(mut files: Vec<TreeFile>) -> Result<Self, TreeListError> {
        files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        let list = Self(files);
        list.check().map(|()| list)
    }

    /// Parses a list.
    ///
    /// # Errors
    /// `TreeListError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeListError> {
        let list: Self = canonical::decode("tree list", bytes, BYTES_MAX)?;
        list.check().map(|()| list)
    }

    /// Encodes the list into its canonical bytes.
    ///
    /// # Errors
    /// `TreeListError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, TreeListError> {
        Ok(canonical::encode("tree list", self)?)
    }

    /// Digest of the canonical bytes. It names the content of a whole tree.
    ///
    /// # Errors
    /// `TreeListError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, TreeListError> {
        Ok(Digest::of(&self.encode()?))
    }

    /// The files, sorted by path.
    #[must_use]
    pub fn files(&self) -> &[TreeFile] {
        &self.0
    }

    /// The file at a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&TreeFile> {
        self.0
            .binary_search_by(|file| file.path.as_bytes().cmp(path.as_bytes()))
            .ok()
            .and_then(|at| self.0.get(at))
    }

    fn check(&self) -> Result<(), TreeListError> {
        if self.0.len() > FILES_MAX {
            return Err(TreeListError::Many);
        }
        let mut last: Option<&TreeFile> = None;
        for file in &self.0 {
            let wrong = || TreeListError::Path(file.path.chars().take(200).collect());
            let ordered = last.is_none_or(|last| last.path.as_bytes() < file.path.as_bytes());
            let below = self.lies_below_a_file(&file.path);
            if !ordered || below || !is_tree_path(&file.path) {
                return Err(wrong());
            }
            last = Some(file);
        }
        Ok(())
    }

    /// Whether a path leads through one of the files. Links count as files.
    #[must_use]
    pub fn lies_below_a_file(&self, path: &str) -> bool {
        let parents = path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default());
        parents.into_iter().any(|parent| self.file(parent).is_some())
    }
}

/// The first path that leads through an entry that is not a directory, and that entry.
pub fn below_a_file<T>(
    files: &BTreeMap<String, T>,
    is_directory: impl Fn(&T) -> bool,
) -> Option<(&str, &str)> {
    files.keys().find_map(|path| {
        let parents = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        let file = parents
            .into_iter()
            .find_map(|parent| files.get_key_value(parent).filter(|(_, file)| !is_directory(file)));
        file.map(|(file, _)| (path.as_str(), file.as_str()))
    })
}

/// Whether a text is a relative path of plain parts, without control characters, of at most 4,096 bytes.
#[must_use]
pub fn is_tree_path(path: &str) -> bool {
    path_fault(path).is_none()
}

/// The reason why a text is not such a path; `None` if it is one.
#[must_use]
pub fn path_fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("is empty");
    }
    if path.len() > 4096 {
        return Some("has more than 4,096 bytes");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Some("has a control character or a backslash");
    }
    if path.starts_with('/') {
        return Some("is an absolute path; write it relative to the workspace");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("ends with `/`, or has two of them in a row; leave them out"),
        "." | ".." => Some("has a part `.` or `..`; write it without"),
        part if part.eq_ignore_ascii_case(".git") => Some("has a part `.git`, which git keeps for itself"),
        _ => None,
    })
}
