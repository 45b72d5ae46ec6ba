//! Each rule has a directory of its name: the tree in `bad` breaks it, the one in `good` does not.

use std::collections::BTreeSet;

use evidence::document::findings::Finding;
use scan::lint::{Subject, of, rules};

use crate::{here, tree};

const SUBJECTS: [Subject; 2] = [Subject::Infrastructure, Subject::Pipelines];

#[test]
fn each_rule_is_broken_by_its_bad_tree_alone() {
    let mut faults = Vec::new();
    for subject in SUBJECTS {
        for facts in rules(subject) {
            for (tree_name, is_bad) in [("bad", true), ("good", false)] {
                let dir = here().join("rules").join(facts.id).join(tree_name);
                if !dir.is_dir() {
                    faults.push(format!("{}: no directory `{tree_name}`", facts.id));
                    continue;
                }
                let lint = of(subject, &tree(&dir)).unwrap();
                if !lint.unread.is_empty() || lint.files.is_empty() {
                    faults.push(format!("{}/{tree_name}: {:?} of {:?}", facts.id, lint.unread, lint.files));
                }
                let hits: Vec<&Finding> =
                    lint.document.findings.values().filter(|finding| finding.rule == facts.id).collect();
                if hits.is_empty() == is_bad {
                    faults.push(format!("{}/{tree_name}: {hits:?}", facts.id));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_directory_is_of_a_rule() {
    let known: BTreeSet<_> = SUBJECTS.into_iter().flat_map(rules).map(|facts| facts.id.to_owned()).collect();
    let found = std::fs::read_dir(here().join("rules")).unwrap();
    let found: BTreeSet<_> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(known, found);
}

/// Sentences of rules stand in messages: without an end, and short enough to be read whole.
#[test]
fn ids_are_unique_and_sentences_have_one_form() {
    let mut seen = BTreeSet::new();
    for facts in SUBJECTS.into_iter().flat_map(rules) {
        assert!(seen.insert(facts.id), "{}", facts.id);
        for text in [facts.title, facts.remedy] {
            assert!(!text.ends_with('.') && text.len() <= 160, "{}: {text}", facts.id);
            assert!(
                text.starts_with(|first: char| first.is_lowercase() || first == '`'),
                "{}: {text}",
                facts.id
            );
        }
        assert!(facts.why.ends_with('.'), "{}: {}", facts.id, facts.why);
    }
}
