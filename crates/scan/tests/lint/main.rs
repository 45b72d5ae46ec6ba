//! Rules about files that configure: each has a file that breaks it and one that keeps it, and a row in the pages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod hostile;
mod hostile_dockerfile;
mod hostile_pipelines;
mod kubernetes_hostile;
mod pages;
mod real;
mod rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The directory of these tests.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

/// All files below a directory, by their paths there.
fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut open, mut files) = (vec![dir.to_owned()], BTreeMap::new());
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap_or_else(|error| panic!("{}: {error}", at.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}
