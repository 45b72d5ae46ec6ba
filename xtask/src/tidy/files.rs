//! The files of the tree that laws look at.

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file: its name from the root, and its text.
pub fn sources(root: &Path) -> Result<Vec<(String, String)>, String> {
    files(root, &["crates", "xtask"], "rs")
}

/// Files with an ending below some directories, sorted: their names from the root, and their texts.
pub fn files(root: &Path, below: &[&str], ending: &str) -> Result<Vec<(String, String)>, String> {
    let mut open: Vec<PathBuf> = below.iter().map(|dir| root.join(dir)).collect();
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                let text =
                    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                found.push((path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The crate that a file belongs to.
pub fn crate_of(name: &str) -> Option<&str> {
    name.strip_prefix("crates/")?.split('/').next()
}

/// Whether a file holds tests alone.
pub fn is_test(name: &str) -> bool {
    name != ABOUT_TESTS
        && (name.contains("/tests/") || name.ends_with("/tests.rs") || name.contains("/benches/"))
}

/// A file of the product whose subject is tests.
const ABOUT_TESTS: &str = "crates/evidence/src/document/tests.rs";
