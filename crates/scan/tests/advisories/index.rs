//! Documents of package indexes: yanked and deprecated versions, and the days of fixes.
//!
//! `index/` holds documents of crates.io, npm and `PyPI` as the package managers got them on 2026-11-28 from a mirror, cut
//! to a few versions and fields. The mirror gives no `deprecated`: that field is written from npm's documentation.

use std::path::Path;

use evidence::document::findings::{Class, Severity};
use scan::advisories::{Builder, DEPRECATED, Database, Ecosystem, YANKED, judge};
use serde_json::{Value, json};

use super::{components, findings, record};

const DOCUMENTS: [(Ecosystem, &str); 3] = [
    (Ecosystem::CratesIo, "crates.io/sm/al/smallvec"),
    (Ecosystem::Npm, "npm/rimraf.json"),
    (Ecosystem::Pypi, "PyPI/requests.json"),
];

fn document(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/advisories/index").join(path)).unwrap()
}

fn records() -> Vec<Value> {
    let fixed = |version: &str| json!([{"introduced": "0"}, {"fixed": version}]);
    vec![
        record("GHSA-1", "crates.io", "smallvec", &fixed("1.6.1")),
        record("GHSA-2", "npm", "rimraf", &fixed("4.0.0")),
        record("GHSA-3", "PyPI", "requests", &fixed("2.32")),
        record("GHSA-4", "PyPI", "other", &fixed("2.0")),
    ]
}

fn database(with_index: bool) -> Database {
    let mut builder = Builder::new("test", Ecosystem::ALL);
    for record in records() {
        builder.record("r.json", record.to_string().as_bytes()).unwrap();
    }
    for (ecosystem, path) in DOCUMENTS.into_iter().filter(|_| with_index) {
        assert!(builder.index(ecosystem, path, &document(path)).unwrap());
    }
    Database::open(builder.finish().unwrap()).unwrap()
}

#[test]
fn yanked_and_deprecated_versions_are_findings() {
    let database = database(true);
    database.check().unwrap();
    assert_eq!(database.header().index.len(), 3);
    assert_eq!(database.header().ecosystems["npm"].packages, 1);
    for (purl, rule, severity, reason) in [
        ("pkg:cargo/smallvec@0.3.2", YANKED, Severity::Medium, "no reason is given"),
        ("pkg:npm/rimraf@2.7.1", DEPRECATED, Severity::Low, "no longer supported"),
        ("pkg:pypi/requests@2.32.0", YANKED, Severity::Medium, "CVE-2024-35195"),
        ("pkg:pypi/requests@2.32", YANKED, Severity::Medium, "CVE-2024-35195"),
    ] {
        let found = findings(judge(&components(&[purl]), &database).unwrap());
        let word = found.iter().find(|finding| finding.rule == rule).unwrap();
        assert_eq!((word.class, word.severity), (Class::Supply, severity), "{purl}");
        assert!(word.message.contains(reason), "{}", word.message);
    }
    for purl in ["pkg:cargo/smallvec@1.6.1", "pkg:npm/rimraf@6.0.1", "pkg:pypi/requests@2.32.2"] {
        assert!(judge(&components(&[purl]), &database).unwrap().findings.is_empty(), "{purl}");
    }
}

#[test]
fn the_day_of_the_fix_is_the_index_s() {
    let day = |purl: &str, with_index: bool| {
        let found = findings(judge(&components(&[purl]), &database(with_index)).unwrap());
        let fixed = found.into_iter().find(|finding| finding.fixed.is_some()).unwrap();
        fixed.fix_released.map(|at| at.to_string().get(..10).unwrap().to_owned())
    };
    for (purl, released) in [
        ("pkg:cargo/smallvec@1.6.0", "2021-01-08"),
        ("pkg:npm/rimraf@3.0.2", "2024-12-13"),
        ("pkg:pypi/requests@2.31.0", "2024-05-20"),
    ] {
        assert_eq!(day(purl, true).as_deref(), Some(released), "{purl}");
        assert_eq!(day(purl, false), None, "{purl}");
    }
    assert_eq!(day("pkg:pypi/other@1.0", true), None, "no document names it");
}

#[test]
fn forms_of_pypi_and_words_that_are_none() {
    let of = |ecosystem, text: &str| {
        let mut builder = Builder::new("test", Ecosystem::ALL);
        for record in records() {
            builder.record("r.json", record.to_string().as_bytes()).unwrap();
        }
        builder.index(ecosystem, "file", text.as_bytes()).map(|_| ())?;
        Ok::<_, scan::advisories::AdvisoriesError>(Database::open(builder.finish()?).unwrap())
    };
    let own = json!({"info": {"name": "Requests"}, "releases": {"1.0": [
        {"filename": "requests-1.0.tar.gz", "yanked": true, "yanked_reason": "broken",
         "upload_time_iso_8601": "2020-01-01T00:00:00Z"},
    ], "2.0": [{"filename": "a", "yanked": true}, {"filename": "b", "yanked": false}], "3.0": []}});
    let database = of(Ecosystem::Pypi, &own.to_string()).unwrap();
    let rules = |purl: &str| {
        let found = findings(judge(&components(&[purl]), &database).unwrap());
        found.into_iter().filter(|finding| finding.rule == YANKED).count()
    };
    assert_eq!(
        ["1.0", "2.0", "3.0"].map(|version| rules(&format!("pkg:pypi/requests@{version}"))),
        [1, 0, 0]
    );
    let back =
        json!({"name": "rimraf", "versions": {"5.0.0": {"deprecated": ""}, "5.0.1": {"deprecated": false}}});
    let database = of(Ecosystem::Npm, &back.to_string()).unwrap();
    assert!(judge(&components(&["pkg:npm/rimraf@5.0.0"]), &database).unwrap().findings.is_empty());
    for (ecosystem, text) in [
        (Ecosystem::Npm, "{}"),
        (Ecosystem::Npm, r#"{"name": "a", "versions": {}}"#),
        (Ecosystem::CratesIo, "no document"),
        (Ecosystem::CratesIo, ""),
        (Ecosystem::Pypi, r#"{"name": "a"}"#),
        (Ecosystem::Go, "{}"),
    ] {
        let error = of(ecosystem, text).unwrap_err().to_string();
        assert!(error.starts_with("file: "), "{error}");
    }
}

#[test]
fn mutations_of_index_documents() {
    let mut random = fastrand::Rng::with_seed(6);
    for (ecosystem, path) in DOCUMENTS {
        let seed = document(path);
        let mut kept = 0;
        for _ in 0..10_000 {
            let mut bytes = seed.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..3) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes.insert(at, b"{}[]\",:0"[random.usize(..8)]),
                    _ => drop(bytes.remove(at)),
                }
            }
            let mut builder = Builder::new("x", Ecosystem::ALL);
            match builder.index(ecosystem, "x", &bytes) {
                Ok(_) => kept += 1,
                Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
            }
        }
        assert!(kept > 500, "{path}: {kept}");
    }
}
