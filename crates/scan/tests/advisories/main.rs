//! Advisories: from records to a database, and from a bill of materials to findings.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

#[path = "../../../tlog/tests/support/published.rs"]
mod published_vectors;

mod cases;
mod damage;
mod index;
mod more_pairs;
mod pairs;
mod published;
mod records;
mod rustsec;

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::components::{Component, Scope};
use evidence::document::findings::Finding;
use evidence::document::{ComponentsDocument, FindingsDocument, Tool};
use scan::advisories::{Builder, Database, Ecosystem, judge};
use serde_json::{Value, json};

/// A record that affects the versions of `events` of one package.
fn record(id: &str, ecosystem: &str, name: &str, events: &Value) -> Value {
    let kind = if matches!(ecosystem, "PyPI" | "Maven") { "ECOSYSTEM" } else { "SEMVER" };
    json!({
        "id": id,
        "modified": "2026-08-21T10:00:00Z",
        "published": "2026-08-01T10:00:00Z",
        "summary": format!("{id} of {name}"),
        "affected": [{
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": kind, "events": events}],
        }],
    })
}

/// The bytes of a database of these records.
fn bytes(records: &[Value]) -> Vec<u8> {
    let mut builder = Builder::new("test", Ecosystem::ALL);
    for record in records {
        builder.record("r.json", record.to_string().as_bytes()).unwrap();
    }
    builder.finish().unwrap()
}

fn database(records: &[Value]) -> Database {
    Database::open(bytes(records)).unwrap()
}

/// A pinned component.
fn component(purl: &str) -> (String, Component) {
    let (path, version) = purl.rsplit_once('@').unwrap_or((purl, "*"));
    let component = Component {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        version: version.to_owned(),
        scope: Scope::Runtime,
        direct: None,
        pinned: true,
        checksums: BTreeMap::new(),
        licence: None,
        needs: BTreeSet::new(),
        sources: BTreeSet::new(),
        differs: None,
    };
    (purl.to_owned(), component)
}

fn components(purls: &[&str]) -> ComponentsDocument {
    let mut document = ComponentsDocument::new([Tool::new("test", None)]);
    document.components.extend(purls.iter().map(|purl| component(purl)));
    document
}

fn findings(document: FindingsDocument) -> Vec<Finding> {
    document.findings.into_values().collect()
}

/// The only finding about one component.
fn one(records: &[Value], purl: &str) -> Finding {
    let mut all = findings(judge(&components(&[purl]), &database(records)).unwrap());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Rules of the findings about one component.
fn rules(records: &[Value], purl: &str) -> Vec<String> {
    let document = judge(&components(&[purl]), &database(records)).unwrap();
    let mut rules: Vec<String> = document.findings.into_values().map(|finding| finding.rule).collect();
    rules.sort();
    rules
}
