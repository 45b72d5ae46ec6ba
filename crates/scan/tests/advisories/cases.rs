//! Cases: records, a component, and the finding.

use std::collections::BTreeMap;

use evidence::document::Document as _;
use evidence::document::findings::{Class, Finding, Severity, Site};
use scan::advisories::{AdvisoriesError, Builder, Database, Ecosystem, judge};
use serde_json::{Value, json};

use super::{bytes, components, database, findings, one, record, rules};

fn range(introduced: &str, fixed: &str) -> Value {
    json!([{"introduced": introduced}, {"fixed": fixed}])
}

#[test]
fn each_ecosystem_has_its_names_and_its_order() {
    for (ecosystem, name, introduced, fixed, affected, unaffected) in [
        (
            "crates.io",
            "serde_yaml",
            "0.0.0-0",
            "0.8.4",
            "pkg:cargo/serde_yaml@0.8.4-rc.1",
            "pkg:cargo/serde_yaml@0.8.4",
        ),
        ("npm", "@a/b", "0", "1.10.0", "pkg:npm/%40a/b@1.9.0", "pkg:npm/%40a/b@1.10.0"),
        ("PyPI", "Django_X", "0", "2.0", "pkg:pypi/django-x@2.0rc1", "pkg:pypi/django-x@2"),
        ("PyPI", "torch", "0", "2.0.0", "pkg:pypi/torch@1.13.1+cu117", "pkg:pypi/torch@2.0.0+cu117"),
        (
            "Go",
            "github.com/Masterminds/goutils",
            "0",
            "1.1.1",
            "pkg:golang/github.com/masterminds/goutils@v1.1.0",
            "pkg:golang/github.com/masterminds/goutils@v1.1.1",
        ),
        (
            "Go",
            "github.com/a/b",
            "0",
            "0.0.0-20200101000000-0123456789ab",
            "pkg:golang/github.com/a/b@v0.0.0-20191231235959-ffffffffffff",
            "pkg:golang/github.com/a/b@v0.0.0-20200101000000-0123456789ab",
        ),
        (
            "Maven",
            "org.a:b-c",
            "2.0-beta9",
            "2.15.0",
            "pkg:maven/org.a/b-c@2.15.0-rc1",
            "pkg:maven/org.a/b-c@2.0-beta8",
        ),
        (
            "Maven:https://repo.example",
            "org.a:b-c",
            "0",
            "9.4.10.Final",
            "pkg:maven/org.a/b-c@9.4.10.CR1",
            "pkg:maven/org.a/b-c@9.4.10",
        ),
    ] {
        let records = [record("X-1", ecosystem, name, &range(introduced, fixed))];
        assert_eq!(one(&records, affected).rule, "X-1", "{affected}");
        assert!(rules(&records, unaffected).is_empty(), "{unaffected}");
    }
}

#[test]
fn one_vulnerability_is_one_finding() {
    let mut go = record("GO-2026-1", "npm", "a", &range("0", "1.5.0"));
    go["aliases"] = json!(["CVE-2026-1"]);
    go["published"] = json!("2026-07-01T00:00:00Z");
    let mut ghsa = record(
        "GHSA-aaaa-bbbb-cccc",
        "npm",
        "a",
        &json!([
            {"introduced": "0"}, {"fixed": "1.2.0"}, {"introduced": "1.4.0"}, {"fixed": "1.4.7"},
        ]),
    );
    ghsa["aliases"] = json!(["CVE-2026-1", "GHSA-aaaa-bbbb-cccc"]);
    ghsa["severity"] = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]);
    ghsa["database_specific"] = json!({"severity": "CRITICAL"});
    let other = record("GHSA-zzzz-zzzz-zzzz", "npm", "a", &range("0", "9.0.0"));
    let records = [go, ghsa, other];
    assert_eq!(rules(&records, "pkg:npm/a@1.0.0"), ["GHSA-aaaa-bbbb-cccc", "GHSA-zzzz-zzzz-zzzz"]);
    let found = findings(judge(&components(&["pkg:npm/a@1.0.0"]), &database(&records)).unwrap());
    let found = found.iter().find(|finding| finding.rule.contains("aaaa")).unwrap();
    assert_eq!(found.aliases.iter().collect::<Vec<_>>(), ["CVE-2026-1", "GO-2026-1"]);
    assert_eq!((found.severity, found.score), (Severity::High, Some(75)), "the vector, not the word");
    // 1.2.0 is inside the other record's range; so is 1.4.7.
    assert_eq!(found.fixed.as_deref(), Some("1.5.0"));
    assert_eq!(found.published.unwrap().to_string(), "2026-07-01T00:00:00.000Z");
    assert_eq!((found.class, found.unconfirmed, found.undecided), (Class::Dependency, false, false));
}

#[test]
fn severities() {
    let range = range("0", "2.0.0");
    let with = |extra: &Value| {
        let mut record = record("X-1", "crates.io", "a", &range);
        for (name, value) in extra.as_object().unwrap() {
            if name == "informational" {
                record["affected"][0]["database_specific"] = json!({name: value});
            } else {
                record[name] = value.clone();
            }
        }
        let finding = one(&[record], "pkg:cargo/a@1.0.0");
        (finding.class, finding.severity)
    };
    assert_eq!(with(&json!({})), (Class::Dependency, Severity::Unknown));
    let word = json!({"database_specific": {"severity": "MODERATE"}});
    assert_eq!(with(&word), (Class::Dependency, Severity::Medium));
    let v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    assert_eq!(
        with(&json!({"severity": [{"type": "CVSS_V4", "score": v4}]})),
        (Class::Dependency, Severity::Critical)
    );
    assert_eq!(with(&json!({"informational": "unmaintained"})), (Class::Supply, Severity::Low));
    assert_eq!(with(&json!({"informational": "notice"})), (Class::Supply, Severity::None));
    assert_eq!(with(&json!({"informational": "unsound"})), (Class::Dependency, Severity::Medium));
    assert_eq!(with(&json!({"aliases": ["MAL-2026-1"]})), (Class::Supply, Severity::Critical));
}

#[test]
fn exploited_and_probable() {
    let mut log4j = record("GHSA-jfh8-c2jp-5v3q", "Maven", "org.a:b", &range("0", "2.15.0"));
    log4j["aliases"] = json!(["CVE-2021-44228"]);
    let mut builder = Builder::new("test", Ecosystem::ALL);
    builder.exploited("kev", br#"{"vulnerabilities":[{"cveID":"CVE-2021-44228"}]}"#).unwrap();
    builder.probabilities("epss", b"cve,epss,percentile\nCVE-2021-44228,0.97565,1\n").unwrap();
    builder.record("r", log4j.to_string().as_bytes()).unwrap();
    let database = Database::open(builder.finish().unwrap()).unwrap();
    let found = findings(judge(&components(&["pkg:maven/org.a/b@2.14.1"]), &database).unwrap()).remove(0);
    assert_eq!((found.exploited, found.epss), (true, Some(9757)));
    assert_eq!((database.header().exploited, database.header().epss), (Some(1), Some(1)));
}

#[test]
fn the_way_from_a_direct_dependency() {
    let records = [record("X-1", "npm", "deep", &range("0", "2.0.0"))];
    let mut bill =
        components(&["pkg:npm/top@1.0.0", "pkg:npm/mid@1.0.0", "pkg:npm/far@1.0.0", "pkg:npm/deep@1.0.0"]);
    let mut edge = |from: &str, to: &str| {
        let from = bill.components.get_mut(from).unwrap();
        from.needs.insert(to.to_owned());
        from.direct = Some(from.name == "top");
    };
    edge("pkg:npm/top@1.0.0", "pkg:npm/mid@1.0.0");
    edge("pkg:npm/mid@1.0.0", "pkg:npm/deep@1.0.0");
    edge("pkg:npm/mid@1.0.0", "pkg:npm/far@1.0.0");
    edge("pkg:npm/far@1.0.0", "pkg:npm/deep@1.0.0");
    edge("pkg:npm/deep@1.0.0", "pkg:npm/mid@1.0.0");
    let Site::Component { through, .. } = findings(judge(&bill, &database(&records)).unwrap()).remove(0).site
    else {
        panic!("no component");
    };
    assert_eq!(through, ["pkg:npm/top@1.0.0", "pkg:npm/mid@1.0.0", "pkg:npm/deep@1.0.0"]);
}

#[test]
fn what_cannot_be_decided_is_a_finding() {
    let mut broken = record("X-1", "npm", "a", &range("0", "next"));
    assert!(
        one(std::slice::from_ref(&broken), "pkg:npm/a@1.0.0")
            .message
            .starts_with("could not decide whether 1.0.0")
    );
    for ranges in [
        json!([{"type": "SEMVER", "events": [{"fixed": "1.0.0"}]}]),
        json!([{"type": "NEW", "events": [{"introduced": "0"}]}]),
        json!([{"events": [{"introduced": "0"}]}]),
        json!([{"type": "SEMVER", "events": [{"introduced": 0}]}]),
        json!([{"type": "SEMVER", "events": [{"introduced": "0"}, {"skipped": "1.0.0"}]}]),
        json!([{"type": "SEMVER", "events": [{}]}]),
        json!([{"type": "SEMVER"}]),
        json!([{"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}]),
        json!([7]),
        json!("all"),
        json!([]),
    ] {
        broken["affected"][0]["ranges"] = ranges.clone();
        let found = one(std::slice::from_ref(&broken), "pkg:npm/a@1.0.0");
        assert!(
            found.message.starts_with("could not decide whether 1.0.0 is affected: "),
            "{ranges}: {}",
            found.message
        );
        assert_eq!(
            (found.rule.as_str(), found.severity, found.unconfirmed, found.undecided),
            ("X-1", Severity::Unknown, false, true)
        );
    }
    let sound = [record("X-1", "npm", "a", &range("0", "2.0.0"))];
    assert!(one(&sound, "pkg:npm/a@latest").message.contains("`latest` has no place in the order"));
    let open = one(&sound, "pkg:npm/a");
    assert_eq!((open.rule.as_str(), open.class, open.undecided), ("version-open", Class::Supply, true));
    assert!(
        open.message.contains("`*` is no exact version, and 1 problem of this package"),
        "{}",
        open.message
    );
}

#[test]
fn what_the_advisories_do_not_hold_is_a_finding() {
    let records = [record("X-1", "npm", "a", &range("0", "2.0.0"))];
    let bill = ["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0", "pkg:generic/x@1", "pkg:npm/b@1.0.0"];
    let found = judge(&components(&bill), &database(&records)).unwrap();
    let found = findings(found);
    assert!(found.iter().all(|finding| finding.undecided));
    let messages: Vec<String> = found.into_iter().map(|finding| finding.message).collect();
    assert!(
        messages.iter().any(|m| m.contains("no record of `crates.io`, and 2 components were")),
        "{messages:?}"
    );
    assert!(
        messages.iter().any(|m| m.contains("no record of `generic`, and 1 component was")),
        "{messages:?}"
    );
    assert_eq!(messages.len(), 2);
}

#[test]
fn what_was_not_read_is_a_finding_of_those_files() {
    let records = [record("X-1", "npm", "z", &range("0", "2.0.0"))];
    let of = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        let bill = scan::components::of(&files.collect()).unwrap();
        judge(&bill, &database(&records)).unwrap().findings
    };
    let installed = [("package.json", "{}"), ("node_modules/a/package.json", "{}")];
    let found = of(&installed);
    assert_eq!(found.len(), 1, "{found:?}");
    let (id, finding) = found.into_iter().next().unwrap();
    assert_eq!((finding.rule.as_str(), finding.undecided), ("lockfiles-skipped", true));
    assert_eq!(finding.site.to_string(), "node_modules");
    // A waiver of these files is none of others.
    let more = of(&[installed[0], installed[1], ("node_modules/b/yarn.lock", "")]);
    assert!(!more.contains_key(&id), "{more:?}");
    let nothing: Vec<_> = of(&[]).into_values().collect();
    assert_eq!(
        (nothing[0].rule.as_str(), nothing[0].undecided, nothing.len()),
        ("lockfile-missing", true, 1)
    );
    assert!(of(&[("package.json", "{}")]).is_empty(), "a manifest says that there is no dependency");
    // A waiver of "no dependency" covers no package that comes later, and no file that is not read.
    let waived = *of(&[]).first_key_value().unwrap().0;
    let lock = r#"{"lockfileVersion": 3, "packages": {"node_modules/z": {"version": "1.0.0"}}}"#;
    assert!(!of(&[("package-lock.json", lock)]).contains_key(&waived));
    assert!(of(&[installed[1]]).into_iter().any(|(id, finding)| id != waived && finding.undecided));
}

#[test]
fn drift_is_a_finding_for_each_difference() {
    let of = |asked: &str| {
        let manifest = format!(r#"{{"dependencies": {{"z": "{asked}"}}}}"#);
        let lock = r#"{"lockfileVersion": 3, "packages": {"": {"dependencies": {"z": "^3.0.0"}},
            "node_modules/z": {"version": "3.0.0", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}"#;
        let files = [("package.json", manifest.as_str()), ("package-lock.json", lock)];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let bill = scan::components::of(&files.into()).unwrap();
        judge(&bill, &database(&[record("X-1", "npm", "z", &range("0", "2.0.0"))])).unwrap().findings
    };
    assert!(of("^3.0.0").is_empty());
    let (found, other) = (of("^4.0.0"), of("^5.0.0"));
    let (id, finding) = found.first_key_value().unwrap();
    assert_eq!((finding.rule.as_str(), finding.undecided, found.len()), ("lockfile-drift", false, 1));
    assert_eq!(finding.site.to_string(), "package.json");
    assert!(
        finding.message.contains("has `^3.0.0`, and the manifest asks for `^4.0.0`"),
        "{}",
        finding.message
    );
    // A waiver is for the difference that somebody saw.
    assert!(!other.contains_key(id), "{other:?}");
}

#[test]
fn a_waiver_of_what_was_not_judged_covers_nothing_else() {
    let id = |records: &[Value], bill: &[&str], rule: &str| {
        let found = judge(&components(bill), &database(records)).unwrap().findings;
        let mut ids = found.into_iter().filter(|(_, finding)| finding.rule == rule).map(|(id, _)| id);
        let id = ids.next().unwrap();
        assert_eq!(ids.next(), None, "one finding for all of them");
        id
    };
    let known = [record("X-1", "npm", "a", &range("0", "2.0.0"))];
    let rule = "advisories-missing/crates.io";
    let one = id(&known, &["pkg:cargo/a@1.0.0"], rule);
    assert_eq!(one, id(&known, &["pkg:cargo/a@1.0.0", "pkg:npm/b@1.0.0", "pkg:generic/x@1"], rule));
    for others in
        [&["pkg:cargo/b@1.0.0"][..], &["pkg:cargo/a@1.0.1"], &["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0"]]
    {
        assert_ne!(one, id(&known, others, rule), "{others:?}");
    }
    let open = |records: &[Value]| id(records, &["pkg:npm/a"], "version-open");
    let other = record("X-2", "npm", "a", &range("0", "3.0.0"));
    let both = [known[0].clone(), other.clone()];
    assert_ne!(open(&known), open(&both), "an advisory that nobody saw");
    assert_ne!(open(&known), open(&[other]));
    assert_eq!(open(&both), open(&[both[1].clone(), both[0].clone()]));
}

#[test]
fn files_of_other_tools_suppress_nothing() {
    let records = [record("X-1", "npm", "a", &range("0", "2.0.0"))];
    let lock = r#"{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}"#;
    let ignoring = [
        (
            "osv-scanner.toml",
            "[[IgnoredVulns]]\nid = \"X-1\"\n[[PackageOverrides]]\nname = \"a\"\nignore = true\n",
        ),
        (".trivyignore", "X-1\n"),
        (".snyk", "ignore:\n  X-1: [{'*': {}}]\n"),
        (".npmrc", "audit=false\n"),
        (".gitattributes", "package-lock.json linguist-generated\n"),
    ];
    let of = |more: &[(&str, &str)]| {
        let all = [("package-lock.json", lock)].into_iter().chain(more.iter().copied());
        let files = all.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect();
        judge(&scan::components::of(&files).unwrap(), &database(&records)).unwrap()
    };
    assert_eq!(of(&[]).findings.len(), 1);
    assert_eq!(of(&ignoring), of(&[]));
}

#[test]
fn an_address_of_another_package_is_a_finding() {
    let records = [record("X-1", "npm", "evil", &range("0", "7.0.0"))];
    let lock = |name: &str, url: &str| {
        let text = format!(
            r#"{{"lockfileVersion": 3, "packages": {{"node_modules/{name}": {{"version": "1.0.0", "resolved": "https://r.test/{url}", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}}}}"#
        );
        let bill = scan::components::of(&[("package-lock.json".to_owned(), text.into_bytes())].into());
        judge(&bill.unwrap(), &database(&records)).unwrap().findings
    };
    let found = lock("safe", "evil/-/evil-6.6.6.tgz");
    let rules: Vec<_> = found.values().map(|finding| (finding.rule.as_str(), finding.undecided)).collect();
    assert_eq!(rules.len(), 2, "the vulnerability of what is installed, too: {rules:?}");
    assert!(rules.contains(&("source-differs", true)) && rules.contains(&("X-1", false)), "{rules:?}");
    let differs = |found: BTreeMap<evidence::Digest, Finding>| {
        found.into_iter().find(|(_, finding)| finding.rule == "source-differs").map(|(id, _)| id).unwrap()
    };
    // Another entry with the same address is another difference.
    assert_ne!(differs(found), differs(lock("other", "evil/-/evil-6.6.6.tgz")));
    assert!(lock("safe", "safe/-/safe-1.0.0.tgz").is_empty());
}

#[test]
fn packages_without_a_checksum() {
    let records = [
        record("X-1", "npm", "z", &range("0", "2.0.0")),
        record("X-2", "Maven", "z:z", &range("0", "2.0.0")),
    ];
    let mut bill = components(&["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0", "pkg:maven/a/b@1"]);
    for purl in ["pkg:npm/a@1.0.0", "pkg:maven/a/b@1"] {
        bill.components.get_mut(purl).unwrap().pinned = false;
    }
    let found = findings(judge(&bill, &database(&records)).unwrap());
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].rule.as_str(), found[0].class, found[0].undecided),
        ("unpinned", Class::Supply, false)
    );
    assert_eq!(found[0].site.to_string(), "pkg:npm/a@1.0.0");
}

#[test]
fn withdrawn_and_newer_records() {
    let old = record("X-1", "npm", "a", &range("0", "2.0.0"));
    let mut new = record("X-1", "npm", "a", &range("0", "1.5.0"));
    new["modified"] = json!("2026-09-01T00:00:00Z");
    let keep = record("X-2", "npm", "b", &range("0", "1.0.0"));
    let records = [old.clone(), new.clone(), keep.clone()];
    assert!(rules(&records, "pkg:npm/a@1.7.0").is_empty());
    new["withdrawn"] = json!("2026-09-01T00:00:00Z");
    let records = [new, old, keep];
    assert!(rules(&records, "pkg:npm/a@1.0.0").is_empty());
    assert_eq!(database(&records).knowledge().modified.to_string(), "2026-09-01T00:00:00.000Z");
}

#[test]
fn equal_input_gives_equal_bytes() {
    let mut records: Vec<Value> = (0..200)
        .map(|n| record(&format!("X-{n}"), "PyPI", &format!("p{}", n % 70), &range("0", &format!("1.{n}"))))
        .collect();
    let first = bytes(&records);
    records.reverse();
    records.extend(records.clone());
    assert_eq!(bytes(&records), first);
    let database = Database::open(first).unwrap();
    assert_eq!(database.check().unwrap(), 70);
    let bill = components(&["pkg:pypi/p3@1.2", "pkg:pypi/p4@1.100", "pkg:pypi/unknown@1"]);
    let document = judge(&bill, &database).unwrap();
    assert_eq!(document.encode().unwrap(), judge(&bill, &database).unwrap().encode().unwrap());
    let tools: Vec<String> = document.tools.iter().map(ToString::to_string).collect();
    let name = format!("advisories 2026-08-21T10:00:00.000Z {}", &database.knowledge().digest.hex()[..12]);
    assert!(tools.contains(&name), "{tools:?}");
}

#[test]
fn a_database_of_all_ecosystems_opens_and_finds_each() {
    let packages = [
        ("PyPI", "p"),
        ("crates.io", "c"),
        ("Go", "g.example/g"),
        ("npm", "n"),
        ("Maven", "m:m"),
        ("npm", "a"),
    ];
    let records: Vec<Value> = packages
        .iter()
        .enumerate()
        .map(|(n, (ecosystem, name))| record(&format!("X-{n}"), ecosystem, name, &range("0", "2.0.0")))
        .collect();
    let database = Database::open(bytes(&records)).unwrap();
    assert_eq!(database.check().unwrap(), 6);
    for purl in [
        "pkg:pypi/p@1.0.0",
        "pkg:cargo/c@1.0.0",
        "pkg:golang/g.example/g@v1.0.0",
        "pkg:npm/n@1.0.0",
        "pkg:maven/m/m@1.0.0",
        "pkg:npm/a@1.0.0",
    ] {
        assert_eq!(findings(judge(&components(&[purl]), &database).unwrap()).len(), 1, "{purl}");
    }
}

#[test]
fn nothing_is_no_database() {
    let error = Builder::new("mirror", Ecosystem::ALL).finish().unwrap_err().to_string();
    assert!(error.starts_with("mirror: it has no record of the ecosystems"), "{error}");
    let mut builder = Builder::new("mirror", [Ecosystem::Npm]);
    let crates = record("X-1", "crates.io", "a", &range("0", "1.0.0"));
    assert!(!builder.record("r", crates.to_string().as_bytes()).unwrap());
    builder.finish().unwrap_err();
}

#[test]
fn endless_ids_of_one_vulnerability() {
    let chain: Vec<Value> = (0..100)
        .map(|n| {
            let mut record = record(&format!("X-{n}"), "npm", "a", &range("0", "1.0.0"));
            record["aliases"] = json!([format!("X-{}", n + 1)]);
            record
        })
        .collect();
    let error = judge(&components(&["pkg:npm/a@0.1.0"]), &database(&chain)).unwrap_err();
    assert!(matches!(error, AdvisoriesError::Aliases { .. }), "{error}");
}
