//! Packages of npm and Maven around the limits of published records, and the answers of other matchers.
//!
//! `more_pairs.py` wrote `more_pairs.txt` with Node's `semver` and Maven's `ComparableVersion`. The records of npm are in
//! an older format, with ranges in npm's notation; this module writes them in the OSV format.

use std::collections::{BTreeMap, BTreeSet};

use scan::advisories::{Builder, Database, Ecosystem};
use serde_json::{Value, json};

use super::pairs::{answers, compare};
use super::published_vectors::{json_files, suite};

/// Answers that differ, with the reason. At most 5 % of all.
const DIFFERENCES: &[(&str, &str)] = &[];

#[test]
fn nodes_matcher_agrees() {
    let Some(vectors) = suite("osv-records") else { return };
    let mut builder = Builder::new("vectors", [Ecosystem::Npm]);
    let mut others = BTreeSet::new();
    for file in json_files(&vectors.join("npm-node-security")) {
        let old: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let id = old["id"].to_string();
        match old["vulnerable_versions"].as_str().and_then(affected) {
            Some(mut affected) => {
                affected["package"] = json!({"ecosystem": "npm", "name": old["module_name"]});
                let record = json!({"id": id, "modified": "2026-01-01T00:00:00Z", "affected": [affected]});
                assert!(builder.record("r", record.to_string().as_bytes()).unwrap());
            }
            None => drop(others.insert(id)),
        }
    }
    assert_eq!(others.len(), 3, "none, and notations that this test does not write: {others:?}");
    let database = Database::open(builder.finish().unwrap()).unwrap();
    let expected: BTreeMap<_, _> = answers(include_str!("more_pairs.txt"))
        .filter(|(purl, rules)| purl.starts_with("pkg:npm/") && rules.is_disjoint(&others))
        .collect();
    let affected = expected.values().filter(|rules| !rules.is_empty()).count();
    assert!(affected >= 400 && expected.len() - affected >= 200, "{affected} of {}", expected.len());
    compare(&expected, &database, DIFFERENCES);
}

#[test]
fn mavens_order_agrees() {
    let Some(vectors) = suite("osv-schema") else { return };
    let mut builder = Builder::new("vectors", [Ecosystem::Maven]);
    for file in json_files(&vectors.join("tools/ghsa/testdata")) {
        if file.to_str().unwrap().ends_with(".osv.json") {
            builder.record("r", &std::fs::read(&file).unwrap()).unwrap();
        }
    }
    let database = Database::open(builder.finish().unwrap()).unwrap();
    let expected: BTreeMap<_, _> =
        answers(include_str!("more_pairs.txt")).filter(|(purl, _)| purl.starts_with("pkg:maven/")).collect();
    let affected = expected.values().filter(|rules| !rules.is_empty()).count();
    assert!(affected >= 40 && expected.len() - affected >= 40, "{affected} of {}", expected.len());
    compare(&expected, &database, DIFFERENCES);
}

/// The affected versions of npm's notation; `None` for notations that few records have.
fn affected(notation: &str) -> Option<Value> {
    let (mut ranges, mut versions) = (Vec::new(), Vec::new());
    for alternative in notation.split("||") {
        let (mut from, mut to) = ("0".to_owned(), None);
        let joined = ["<=", ">=", "<", ">"]
            .iter()
            .fold(alternative.to_owned(), |text, sign| text.replace(&format!("{sign} "), sign));
        for word in joined.split_whitespace() {
            let at = word.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(word.len());
            let (sign, version) = word.split_at(at);
            if word == "*" {
                continue;
            }
            let whole = version.trim_start_matches('v');
            if whole.split('-').next()?.split('.').count() != 3 || whole.contains(['x', '~', '^']) {
                return None;
            }
            match sign {
                ">=" => from = whole.to_owned(),
                ">" => from = after(whole),
                "<" => to = Some(json!({"fixed": whole})),
                "<=" => to = Some(json!({"last_affected": whole})),
                _ => {
                    versions.push(whole.to_owned());
                    from.clear();
                }
            }
        }
        if !from.is_empty() {
            let events: Vec<_> = [json!({"introduced": from})].into_iter().chain(to).collect();
            ranges.push(json!({"type": "SEMVER", "events": events}));
        }
    }
    Some(json!({"ranges": ranges, "versions": versions}))
}

/// The first version after one without a pre-release.
fn after(version: &str) -> String {
    let mut parts: Vec<u64> = version.split('.').map(|part| part.parse().unwrap()).collect();
    parts[2] += 1;
    format!("{}.{}.{}-0", parts[0], parts[1], parts[2])
}
