//! Published records, components around their limits, and the answers of an independent matcher.
//!
//! `pairs.py` wrote `pairs.txt` with the libraries `packaging` (PyPI) and `semver` (Go).

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::Site;
use scan::advisories::{Builder, Database, Ecosystem, judge};

use super::{components, published_vectors};

/// Pairs whose answer differs, with the reason. At most 5 % of all.
const DIFFERENCES: &[(&str, &str)] = &[];

#[test]
fn an_independent_matcher_agrees() {
    let Some(vectors) = published_vectors::suite("osv-records") else { return };
    let mut builder = Builder::new("vectors", Ecosystem::ALL);
    for directory in ["PyPI", "Go"] {
        for file in published_vectors::json_files(&vectors.join(directory)) {
            builder.record(&file.display().to_string(), &std::fs::read(&file).unwrap()).unwrap();
        }
    }
    let database = Database::open(builder.finish().unwrap()).unwrap();
    assert!(database.check().unwrap() > 300);
    let expected: BTreeMap<_, _> = answers(include_str!("pairs.txt")).collect();
    let positive = expected.values().filter(|rules| !rules.is_empty()).count();
    assert!(positive >= 200 && expected.len() - positive >= 200, "{positive} of {}", expected.len());
    compare(&expected, &database, DIFFERENCES);
}

/// Package URLs, each with the rules of its findings.
pub fn answers(text: &str) -> impl Iterator<Item = (String, BTreeSet<String>)> {
    text.lines().map(|line| {
        let mut words = line.split(' ');
        let (ecosystem, name, version) =
            (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let kinds = [("Go", "golang"), ("PyPI", "pypi"), ("npm", "npm"), ("Maven", "maven")];
        let (_, kind) = kinds.iter().find(|(known, _)| *known == ecosystem).unwrap();
        // Package URLs have a scope of npm encoded, and Maven's group as a directory.
        let name = if ecosystem == "Maven" { name.replace(':', "/") } else { name.replace('@', "%40") };
        let rules = words.filter(|word| *word != "-").map(str::to_owned).collect();
        (format!("pkg:{kind}/{name}@{version}"), rules)
    })
}

/// Compares the answers with those by the database. Differences stand in a table, at most 5 % of all.
pub fn compare(expected: &BTreeMap<String, BTreeSet<String>>, database: &Database, table: &[(&str, &str)]) {
    let purls: Vec<&str> = expected.keys().map(String::as_str).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for finding in judge(&components(&purls), database).unwrap().findings.into_values() {
        let purl = match &finding.site {
            Site::Component { purl, .. } => purl.clone(),
            other => other.to_string(),
        };
        let mark = if finding.undecided { "?" } else { "" };
        found.entry(purl).or_default().insert(format!("{mark}{}", finding.rule));
    }
    assert!(found.keys().all(|purl| expected.contains_key(purl)), "{found:?}");
    let differences: Vec<String> = expected
        .iter()
        .filter(|(purl, rules)| found.get(*purl).cloned().unwrap_or_default() != **rules)
        .map(|(purl, rules)| format!("{purl}: expected {rules:?}, found {:?}", found.get(purl)))
        .filter(|line| !table.iter().any(|(purl, _)| line.starts_with(&format!("{purl}: "))))
        .collect();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(table.len() * 20 <= expected.len());
}
