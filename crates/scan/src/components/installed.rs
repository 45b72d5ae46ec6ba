//! Directories of installed and vendored packages, whose own lockfiles say nothing about this project.
//!
//! Invariant: a directory is one by its name or by a file, which anybody who changes the repository may choose. So its files
//! are counted, and their digest makes each change of them visible; none is skipped in silence.

use std::collections::BTreeMap;

use evidence::Digest;
use evidence::document::components::Skipped;

use super::input::{base, directory, within_directory};
use crate::{INPUT_BYTES_MAX, ScanError};

/// Files that were not read, by the outermost directory of installed packages.
#[derive(Debug, Default)]
pub struct Installed<'a>(BTreeMap<&'a str, BTreeMap<&'a str, Digest>>);

impl<'a> Installed<'a> {
    /// Adds a file.
    ///
    /// # Errors
    /// `ScanError` if it is too large to be told apart from others.
    pub fn add(&mut self, directory: &'a str, path: &'a str, bytes: &[u8]) -> Result<(), ScanError> {
        if bytes.len() > INPUT_BYTES_MAX {
            return Err(ScanError::Long { what: "lockfile" });
        }
        self.0.entry(directory).or_default().insert(path, Digest::of(bytes));
        Ok(())
    }

    /// The directories with what was skipped.
    pub fn skipped(self) -> BTreeMap<String, Skipped> {
        let of = |files: &BTreeMap<&str, Digest>| {
            // A path has no NUL and a digest has one length, so that no other files have the same lines.
            let lines: String = files.iter().map(|(path, digest)| format!("{digest}\0{path}\0")).collect();
            let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
            Skipped { files: count, digest: Digest::of(lines.as_bytes()) }
        };
        self.0.iter().map(|(directory, files)| ((*directory).to_owned(), of(files))).collect()
    }
}

/// The outermost directory of installed packages that a file belongs to; `None` for a file of the project. A checksum
/// file of Cargo stands for files of Cargo alone, and never for the whole tree.
pub fn directory_of<'a>(path: &'a str, files: &BTreeMap<String, Vec<u8>>) -> Option<&'a str> {
    let cargo = base(path).starts_with("Cargo.");
    let vendored = |directory: &str| {
        cargo
            && !directory.is_empty()
            && files.contains_key(&within_directory(directory, ".cargo-checksum.json"))
    };
    let (mut found, mut above) = (None, directory(path));
    while !above.is_empty() {
        if base(above) == "node_modules" {
            found = Some(above);
        } else if vendored(above) {
            // All crates of `cargo vendor` have one directory above them.
            found = Some(directory(above)).filter(|above| !above.is_empty()).or(Some(above));
        }
        above = directory(above);
    }
    found
}
