//! Secrets: the labelled set, and the scanner's precision and recall on it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panics"
)]

mod kinds;
mod labelled;

use labelled::{ids, near_misses, secrets};

#[test]
fn the_set_follows_from_its_seed_and_labels_name_the_places() {
    assert_eq!(secrets(1), secrets(1));
    assert_ne!(secrets(1), secrets(2));
    assert!(ids().len() >= 100, "{}", ids().len());
    for file in secrets(1) {
        let lines: Vec<&str> = file.text.lines().collect();
        let found: std::collections::BTreeSet<&str> = file.labels.iter().map(|label| label.kind).collect();
        assert_eq!(found, ids(), "{}", file.path);
        for label in &file.labels {
            let line = lines[label.line as usize - 1];
            assert!(line[label.column as usize - 1..].starts_with(&label.secret), "{label:?} in `{line}`");
        }
    }
}

#[test]
fn near_misses_are_no_secrets() {
    let secrets: String = secrets(1).into_iter().map(|file| file.text).collect();
    for file in near_misses(1) {
        assert!(file.labels.is_empty());
        assert!(file.text.lines().count() > ids().len());
        assert!(!secrets.contains(&file.text));
    }
}
