//! Finds published vectors. The test binaries of several crates share this module, and each uses a part of it.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use std::path::{Path, PathBuf};

/// The directory of a suite. A missing suite is skipped by name, except in CI, where it fails.
pub fn suite(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("COUNTERSIGN_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    let path = root.join(name);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "vectors `{name}` are missing at {}", path.display());
    eprintln!("skipped: vectors `{name}` are not at {}", path.display());
    None
}

/// Every JSON file below a directory, sorted.
pub fn json_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}
