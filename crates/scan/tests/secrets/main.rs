//! Secrets: the labelled set, and the scanner's precision and recall on it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panics"
)]

mod behaviour;
mod kinds;
mod labelled;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use labelled::{ids, near_misses, secrets};

#[test]
fn the_set_follows_from_its_seed_and_labels_name_the_places() {
    assert_eq!(secrets(1), secrets(1));
    assert_ne!(secrets(1), secrets(2));
    assert!(ids().len() >= 100, "{}", ids().len());
    for file in secrets(1) {
        let lines: Vec<&str> = file.text.lines().collect();
        let found: BTreeSet<&str> = file.labels.iter().map(|label| label.kind).collect();
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

/// Counts of one kind.
#[derive(Debug, Default)]
struct Score {
    expected: usize,
    found: usize,
    false_hits: usize,
}

#[test]
fn precision_and_recall_per_kind() {
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut faults = Vec::new();
    for seed in 1..=4 {
        for file in secrets(seed).into_iter().chain(near_misses(seed)) {
            let hits = scan::secrets::scan(&file.path, file.text.as_bytes()).unwrap();
            let hits: Vec<_> = hits.into_iter().filter(|hit| hit.line > 0).collect();
            let mut places: BTreeSet<(&str, u32, u32, u32)> =
                hits.iter().map(|hit| (hit.rule, hit.line, hit.column, hit.end)).collect();
            for label in &file.labels {
                let score = scores.entry(label.kind).or_default();
                score.expected += 1;
                let end = label.column + u32::try_from(label.secret.len()).unwrap();
                if places.remove(&(label.kind, label.line, label.column, end)) {
                    score.found += 1;
                } else {
                    faults.push(format!("missed {}:{} {label:?}", file.path, label.line));
                }
            }
            for (rule, line, ..) in places {
                scores.entry(rule).or_default().false_hits += 1;
                let text = file.text.lines().nth(line as usize - 1).unwrap();
                faults.push(format!("false {rule} at {}:{line}: {text}", file.path));
            }
        }
    }
    // The general rule finds near misses of two kinds, which are random text behind the words `secret_access_key` and
    // `SharedAccessKey`, and misses random text that looks like a word. Every other rule is exact on the set.
    faults.retain(|fault| !fault.contains("generic-secret"));
    for (kind, score) in &scores {
        let precision = score.found as f64 / (score.found + score.false_hits).max(1) as f64;
        let recall = score.found as f64 / score.expected.max(1) as f64;
        println!("{kind}: precision {precision:.3}, recall {recall:.3} of {}", score.expected);
        let floor = if *kind == "generic-secret" { (0.7, 0.95) } else { (1.0, 1.0) };
        assert!(precision >= floor.0 && recall >= floor.1, "{kind}: {score:?}");
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
}

#[test]
fn the_rules_are_the_kinds() {
    let rules: BTreeSet<&str> = scan::secrets::rules().map(|rule| rule.id).collect();
    assert_eq!(rules, ids());
    assert_eq!(rules.len(), scan::secrets::rules().count());
}

/// Files of a directory, those of the version control and of builds left out.
fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !path.is_symlink() && !matches!(name.as_str(), "target" | ".git") {
            files_below(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

#[test]
fn real_code_has_no_secrets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for directory in ["crates", "docs", "examples", "xtask", "policies"] {
        files_below(&root.join(directory), &mut files);
    }
    files.push(root.join("Cargo.lock"));
    // The table of patterns has the header of a key as it is.
    files.retain(|path| !path.ends_with("tests/secrets/kinds.rs"));
    // Trees that break rules about secrets hold some, which nobody issued.
    files.retain(|path| !path.to_string_lossy().contains("tests/lint/rules/"));
    let mut faults = Vec::new();
    let mut bytes_total = 0;
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        bytes_total += bytes.len();
        for hit in scan::secrets::scan(&path.to_string_lossy(), &bytes).unwrap() {
            faults.push(format!(
                "{}:{}:{} {} {}",
                path.display(),
                hit.line,
                hit.column,
                hit.rule,
                hit.message
            ));
        }
    }
    println!("{} files, {bytes_total} bytes", files.len());
    assert!(bytes_total > 3_000_000, "{bytes_total}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
