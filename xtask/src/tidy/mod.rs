//! The laws of the tree, as one pass over its files and its dependency graph.
//!
//! Invariant: a law is data here and a check that has a test which breaks it. What clippy can hold
//! (function length, panics, clocks in `domain`) stands in `clippy.toml` and the workspace lints; what holds between
//! the pages and the program is checked by `docs`.

mod errors;
mod graph;
pub mod prose;
mod source;
pub mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Every breach found below `root`, one line each.
pub fn broken(root: &Path) -> Result<Vec<String>, String> {
    let mut found = graph::edges(&graph::metadata(root)?);
    for (name, text) in sources(root)? {
        found.extend(source::breaches(&name, &text));
        found.extend(left_by_a_merge(&name, &text));
    }
    found.extend(words::broken(root)?);
    Ok(found)
}

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

/// Lines by which git marks the two sides of a conflict: in a page nothing else would notice them.
pub fn left_by_a_merge(name: &str, text: &str) -> Vec<String> {
    let marks = ["<<<<<<< ", ">>>>>>> "];
    let lines = text.lines().zip(1..).filter(|(line, _)| marks.iter().any(|mark| line.starts_with(mark)));
    lines.map(|(_, at)| format!("{name}:{at}: a merge was not resolved here: choose a side")).collect()
}

/// The crate that a file belongs to.
pub fn crate_of(name: &str) -> Option<&str> {
    name.strip_prefix("crates/")?.split('/').next()
}

/// Whether a file holds tests alone.
pub fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name.contains("/benches/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_of_a_conflict_are_found() {
        let text = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n";
        assert_eq!(left_by_a_merge("README.md", text).len(), 2);
        assert_eq!(left_by_a_merge("README.md", "a <<<<<<< b\n"), Vec::<String>::new());
    }

    #[test]
    fn the_tree_keeps_its_laws() {
        assert_eq!(broken(&crate::run::root()), Ok(Vec::new()));
    }
}
