//! The laws of the tree, as one pass over its files and its dependency graph.
//!
//! Invariant: a law is data in this module, and a check with a test that breaks it. Laws that clippy can check (function
//! length, panics, clocks in `domain`) are in `clippy.toml` and the workspace lints; `docs` checks the pages against the
//! program.

mod circles;
mod errors;
mod files;
mod graph;
mod imports;
mod kinds;
mod messages;
pub mod prose;
mod source;
pub mod words;

use std::path::Path;

pub use files::{crate_of, files, is_test, sources};

/// Every breach found below `root`, one line each.
pub fn broken(root: &Path) -> Result<Vec<String>, String> {
    let mut found = graph::edges(&graph::metadata(root)?);
    let sources = sources(root)?;
    found.extend(sources.iter().flat_map(|(name, text)| source::breaches(name, text)));
    found.extend(sources.iter().flat_map(|(name, text)| left_by_a_merge(name, text)));
    let policies = files(root, &["policies"], "rego")?;
    found.extend(policies.iter().filter_map(|(name, text)| source::too_long(name, text)));
    found.extend(circles::broken(&sources));
    found.extend(kinds::broken(&sources));
    found.extend(messages::broken(root)?);
    found.extend(words::broken(root)?);
    Ok(found)
}

/// Lines by which git marks the two sides of a conflict: in a page nothing else would notice them.
pub fn left_by_a_merge(name: &str, text: &str) -> Vec<String> {
    let marks = ["<<<<<<< ", ">>>>>>> "];
    let lines = text.lines().zip(1..).filter(|(line, _)| marks.iter().any(|mark| line.starts_with(mark)));
    lines.map(|(_, at)| format!("{name}:{at}: a merge was not resolved here: choose a side")).collect()
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
        assert_eq!(broken(&crate::command::root()), Ok(Vec::new()));
    }
}
