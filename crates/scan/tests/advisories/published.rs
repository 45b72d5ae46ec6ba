//! The examples of the OSV schema: other people's records about versions that are affected and such that are not.

use scan::advisories::Record;
use serde_json::Value;

use super::published_vectors::{json_files, suite};
use super::rules;

#[test]
fn examples_of_the_osv_schema() {
    let Some(root) = suite("osv-schema") else { return };
    let mut others = Vec::new();
    for path in json_files(&root.join("tools")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        if path.parent().unwrap().parent().unwrap().ends_with("ghsa") && !name.ends_with(".osv.json") {
            Record::decode(name, &bytes).expect_err("the input of a converter is no record");
            continue;
        }
        let record = Record::decode(name, &bytes).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(record.facts.id, value["id"], "{name}");
        assert_eq!(record.facts.aliases.len(), value["aliases"].as_array().map_or(0, Vec::len), "{name}");
        assert_eq!(record.withdrawn, value["withdrawn"].is_string(), "{name}");
        let Some((_, affected, not)) = TABLE.iter().find(|row| row.0 == name) else {
            assert!(record.packages.is_empty(), "{name} has no row");
            others.push(name.to_owned());
            continue;
        };
        for purl in *affected {
            assert_eq!(rules(std::slice::from_ref(&value), purl), [record.facts.id.as_str()], "{purl}");
        }
        for purl in *not {
            assert_eq!(rules(std::slice::from_ref(&value), purl), Vec::<String>::new(), "{purl}");
        }
    }
    assert_eq!(others.len(), 6, "records about commits and RubyGems: {others:?}");
}

type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Packages that each record affects, and such that it does not.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("equals_with_patch.osv.json", &["pkg:npm/mixin-deep@1.3.1", "pkg:npm/mixin-deep@2.0.0"],
        &["pkg:npm/mixin-deep@1.3.2", "pkg:npm/mixin-deep@1.9.0", "pkg:npm/mixin-deep@2.0.1"]),
    ("full_ranges.osv.json", &["pkg:maven/com.typesafe.akka/akka-actor_2.12@2.5.15", "pkg:maven/com.typesafe.akka/akka-actor_2.11@2.5.0"],
        &["pkg:maven/com.typesafe.akka/akka-actor_2.12@2.5.16", "pkg:maven/com.typesafe.akka/akka-actor_2.12@2.4.9"]),
    ("less_than_equals_no_patch.osv.json", &["pkg:npm/shiba@9.9.9"], &[]),
    ("less_than_equals_with_patch.osv.json", &["pkg:npm/i18next@1.10.2"], &["pkg:npm/i18next@1.10.3"]),
    ("maven_greater_than.osv.json", &["pkg:maven/org.xwiki.commons/xwiki-commons-core@12.10.1", "pkg:maven/org.xwiki.commons/xwiki-commons-core@12.1",
        "pkg:maven/org.xwiki.commons/xwiki-commons-core@11.7"], &["pkg:maven/org.xwiki.commons/xwiki-commons-core@12.10.2",
        "pkg:maven/org.xwiki.commons/xwiki-commons-core@12.6.7", "pkg:maven/org.xwiki.commons/xwiki-commons-core@11.6"]),
    ("GO-2020-0001.json", &["pkg:golang/github.com/gin-gonic/gin@v1.5.0"], &["pkg:golang/github.com/gin-gonic/gin@v1.6.0"]),
    ("MAL-2024-10238.json", &["pkg:pypi/123bla@0.0.1"], &["pkg:pypi/123bla@0.0.2"]),
    ("PYSEC-2023-74.json", &["pkg:pypi/requests@2.10.0", "pkg:pypi/requests@2.30.0"], &["pkg:pypi/requests@2.31.0"]),
    ("CVE-2018-5407.json", &["pkg:apk/alpine/openssl@1.0.2p-r0?arch=x86_64&distro=alpine-3.8.0"], &[]),
    ("nondistinct-CVE-2018-5407.json", &["pkg:apk/alpine/openssl@1.0.2p-r0?arch=x86_64&distro=alpine-3.8.0"], &[]),
    ("nopackage-GHSA-9v2f-6vcg-3hgv.json", &["pkg:pypi/gradi0@4.36.1"], &["pkg:pypi/gradi0@4.36.2"]),
];
