//! KICS, Terrascan, Snyk, Dependency-Check, SonarQube, Checkmarx, Burp, OpenSCAP and InSpec.

use std::collections::BTreeMap;

use evidence::document::findings::{Class, Finding, Severity};
use scan::reports::ReportFormat::{
    self, BurpXml, CheckmarxJson, CheckmarxXml, DependencyCheck, Inspec, Kics, Openscap, Snyk, Sonarqube,
    Terrascan,
};

use crate::{findings, refusal, seeds, sources, tree};

fn read(format: ReportFormat, text: &str, tree: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut found: Vec<Finding> = findings(format, text.as_bytes(), tree).findings.into_values().collect();
    found.sort_by(|a, b| (&a.rule, &a.site, &a.message).cmp(&(&b.rule, &b.site, &b.message)));
    found
}

/// Rule, place, severity, and whether it only warns.
fn rows(found: &[Finding]) -> Vec<(&str, String, Severity, bool)> {
    let row = |found: &'_ Finding| (found.site.to_string(), found.severity, found.unconfirmed);
    let rows = found.iter().map(|found| (found.rule.as_str(), row(found)));
    rows.map(|(rule, (site, severity, unconfirmed))| (rule, site, severity, unconfirmed)).collect()
}

fn files() -> BTreeMap<String, String> {
    sources(&["a.py", "src/cart.js"])
}

#[test]
fn kics() {
    let found = read(Kics, seeds::KICS, &files());
    assert_eq!(
        rows(&found),
        [
            ("dd29336b", "a.py:1".into(), Severity::High, false),
            ("dd29336b", "b.yaml:2".into(), Severity::High, false),
            ("f996f3cb", "a.py:1".into(), Severity::None, false),
        ]
    );
    assert_eq!(
        (found[0].class, found[0].message.as_str()),
        (Class::Configuration, "Privileged (spec.containers)")
    );
    assert_eq!(
        (found[2].class, found[2].message.as_str()),
        (Class::Secret, "Passwords"),
        "no secret in a message"
    );
    let part = seeds::KICS.replace(r#""files_failed_to_scan":0"#, r#""files_failed_to_scan":2"#);
    let found = read(Kics, &part, &files());
    assert_eq!(rows(&found)[3].0, "scan-incomplete");
    assert_eq!((found[3].unconfirmed, found[3].undecided), (false, true));
}

#[test]
fn terrascan() {
    let found = read(Terrascan, seeds::TERRASCAN, &files());
    assert_eq!(
        rows(&found),
        [
            ("AC_AWS_1", "a.py:1".into(), Severity::High, false),
            ("AC_AWS_2", "b.tf:2".into(), Severity::Low, false),
            ("scan-incomplete", "no place".into(), Severity::Unknown, true),
        ]
    );
    assert_eq!(found[0].message, "d (aws_s3_bucket.r)");
    assert_eq!(found[2].message, "e", "no chart in a directory of Terraform is no error");
    let below = sources(&["infra/a.tf"]);
    let text = seeds::TERRASCAN.replace(r#""/ci""#, r#""/ci/infra""#).replace("a.py", "a.tf");
    assert_eq!(rows(&read(Terrascan, &text, &below))[0].1, "infra/a.tf:1");
}

#[test]
fn snyk() {
    let found = read(Snyk, seeds::SNYK, &tree(&[]));
    assert_eq!(
        rows(&found),
        [
            ("GPL-3.0", "pkg:npm/a@1".into(), Severity::Medium, false),
            ("SNYK-DEBIAN11-GCC10-1", "pkg:deb/debian/libgcc-s1@10.2.1-6".into(), Severity::Low, false),
            ("SNYK-JS-B-1", "pkg:npm/b@2".into(), Severity::Low, false),
            ("SNYK-JS-LODASH-590103", "pkg:npm/lodash@4.17.13".into(), Severity::Critical, false),
        ]
    );
    assert_eq!(found[0].class, Class::Licence);
    let first = &found[3];
    assert_eq!((first.score, first.epss, first.fixed.as_deref()), (Some(98), Some(146), Some("4.17.20")));
    assert!(first.published.is_some());
    let aliases: Vec<&str> = first.aliases.iter().map(String::as_str).collect();
    assert_eq!(aliases, ["CVE-2020-8203", "GHSA-p6mc-m468-83gw"]);
    let malicious = seeds::SNYK.replace(r#""severity":"critical","#, r#""severity":"low","malicious":true,"#);
    let found = read(Snyk, &malicious, &tree(&[]));
    assert_eq!((found[3].class, found[3].severity), (Class::Supply, Severity::Critical));
}

#[test]
fn dependency_check() {
    let found = read(DependencyCheck, seeds::DEPENDENCY_CHECK, &tree(&[]));
    let purl = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1";
    assert_eq!(
        rows(&found),
        [
            ("CVE-2021-44228", purl.into(), Severity::Critical, false),
            ("CVE-2021-45046", purl.into(), Severity::Medium, false),
        ]
    );
    assert_eq!((found[0].score, found[0].fixed.as_deref()), (Some(100), Some("2.15.0")));
    let unnamed = seeds::DEPENDENCY_CHECK.replace("pkg:maven", "cpe:maven");
    assert_eq!(rows(&read(DependencyCheck, &unnamed, &tree(&[])))[0].1, "pkg:generic/log4j-core-2.14.1.jar");
}

#[test]
fn sonarqube() {
    let found = read(Sonarqube, seeds::SONARQUBE, &files());
    let rows = rows(&found);
    assert_eq!(
        [&rows[0], &rows[1], &rows[2]],
        [
            &("python:S1", "src/cart.js:1".into(), Severity::High, false),
            &("python:S2", "a.py:1".into(), Severity::High, true),
            &("secrets:S6290", "a.py:1".into(), Severity::High, false),
        ]
    );
    assert_eq!((found[2].class, found[2].message.as_str()), (Class::Secret, "secrets:S6290"));
    assert_eq!((found[3].class, found[3].severity), (Class::Configuration, Severity::Low));
    for gone in [r#""resolution":"FIXED""#, r#""issueStatus":"FIXED""#] {
        let text = seeds::SONARQUBE.replace(r#""resolution":"FALSE-POSITIVE""#, gone);
        assert_eq!(read(Sonarqube, &text, &files()).len(), 3, "what was fixed is no finding");
    }
    let one = r#"{"paging":{"total":0},"issues":[]}"#;
    assert!(read(Sonarqube, one, &files()).is_empty());
}

#[test]
fn checkmarx() {
    let found = read(CheckmarxXml, seeds::CHECKMARX_XML, &files());
    assert_eq!(
        rows(&found),
        [
            ("Stored_XSS", "a.py:1".into(), Severity::High, false),
            ("Stored_XSS", "src/cart.js:3".into(), Severity::None, false),
        ]
    );
    let found = read(CheckmarxJson, seeds::CHECKMARX_JSON, &files());
    assert_eq!(
        rows(&found),
        [
            ("555ab8f9", "src/cart.js:3".into(), Severity::Low, false),
            (
                "CVE-2013-7285",
                "pkg:maven/com.thoughtworks.xstream/xstream@1.4-beta".into(),
                Severity::Critical,
                false
            ),
            ("SQL_Injection", "a.py:1".into(), Severity::High, false),
            ("aws-token", "a.py".into(), Severity::Critical, false),
        ]
    );
    assert_eq!((found[3].class, found[3].message.as_str()), (Class::Secret, "aws-token"));
    let fixed = seeds::CHECKMARX_JSON.replace(r#""status":"NEW""#, r#""status":"FIXED""#);
    assert_eq!(read(CheckmarxJson, &fixed, &files()).len(), 3);
}

#[test]
fn reports_of_checkmarx_one() {
    let engines = r#"{"reportHeader":{},"scanResults":{"sast":{"languages":[{"queries":[{"queryName":"XSS","vulnerabilitiesTotal":1,"vulnerabilities":[{"severity":"HIGH","status":"NEW","nodes":[{"fileName":"/x/a.py","line":2}]}]}]}]},
        "sca":{"packages":[{"name":"Npm-underscore-1.10.2","vulnerabilities":[{"cveName":"CVE-2021-23358","severity":"HIGH"}]}]},"kics":{"results":[{"vulnerabilities":[{"queryName":"q","fileName":"/Dockerfile","severity":"INFO"}]}]},"containers":null}}"#;
    let found = read(CheckmarxJson, engines, &files());
    assert_eq!(
        rows(&found),
        [
            ("CVE-2021-23358", "pkg:npm/underscore@1.10.2".into(), Severity::High, false),
            ("XSS", "a.py:2".into(), Severity::High, false),
            ("q", "Dockerfile".into(), Severity::None, false),
        ]
    );
    let queries = r#"{"reportHeader":{},"scanInformation":{"scannerStatus":[{"name":"SAST","status":"Completed"}]},"scanResults":{"totalResults":1,"resultsList":[{"queryName":"XSS","vulnerabilities":[{"severity":"High","sourceFileName":"/a.py","sourceLine":3}]}]},
        "iacScanResults":{"technology":[{"totalResults":1,"queries":[{"queryName":"q","resultsList":[{"severity":"Low","fileName":"/k.yaml"}]}]}]},"scaScanResults":{"totalResults":0}}"#;
    let found = read(CheckmarxJson, queries, &files());
    assert_eq!(
        rows(&found),
        [("XSS", "a.py:3".into(), Severity::High, false), ("q", "k.yaml".into(), Severity::Low, false)]
    );
    for (from, to, why) in [
        ("Completed", "Failed", "an engine did not complete: Failed"),
        (
            r#""totalResults":1,"resultsList""#,
            r#""totalResults":9,"resultsList""#,
            "the report shows 1 results",
        ),
        (
            r#""scaScanResults":{"totalResults":0}"#,
            r#""scaScanResults":{"totalResults":4}"#,
            "this part is not read",
        ),
    ] {
        let error = refusal(CheckmarxJson, queries.replace(from, to).as_bytes());
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn burp() {
    let found = read(BurpXml, seeds::BURP_XML, &tree(&[]));
    assert_eq!(
        rows(&found),
        [
            ("1049088", "POST /basket.jsp (b_id cookie)".into(), Severity::High, true),
            ("8389120", "GET /x".into(), Severity::None, false),
        ]
    );
    assert_eq!(found[0].message, "SQL injection");
}

#[test]
fn openscap() {
    let found = read(Openscap, seeds::OPENSCAP, &tree(&[]));
    let rows: Vec<_> = found
        .iter()
        .map(|found| (found.rule.as_str(), found.severity, found.unconfirmed, found.undecided))
        .collect();
    assert_eq!(
        rows,
        [
            ("r_a", Severity::High, false, false),
            ("r_b", Severity::Unknown, false, false),
            ("r_c", Severity::Unknown, false, true),
            ("r_d", Severity::Unknown, true, true),
        ]
    );
    assert_eq!((found[0].message.as_str(), found[0].aliases.len()), ("Disable root login (host)", 1));
    for text in [include_str!("real/openscap.xml"), include_str!("real/openscap-arf.xml")] {
        let found = read(Openscap, text, &tree(&[]));
        let rows: Vec<_> =
            found.iter().map(|found| (found.rule.as_str(), found.severity, found.message.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("xccdf_test_rule_2", Severity::High, "The file is there (host)"),
                ("xccdf_test_rule_3", Severity::Medium, "was not checked: A person looks (host)"),
            ]
        );
    }
}

#[test]
fn inspec() {
    let found = read(Inspec, seeds::INSPEC, &tree(&[]));
    let rows: Vec<_> = found
        .iter()
        .map(|found| (found.rule.as_str(), found.severity, found.unconfirmed, found.undecided))
        .collect();
    assert_eq!(
        rows,
        [
            ("scan-incomplete", Severity::Unknown, true, true),
            ("ssh-1", Severity::High, false, false),
            ("ssh-2", Severity::Critical, false, true),
            ("ssh-3", Severity::None, false, false),
        ]
    );
    assert_eq!(found[2].message, "was skipped: ssh-2: waived");
}

/// Error documents of the tools, cut files and other versions.
#[test]
fn refused() {
    for (format, text, why) in [
        (Kics, "{}", "the field `files_scanned` is missing"),
        (Kics, r#"{"files_scanned":0,"queries":[]}"#, "KICS read no file"),
        (Kics, r#"{"files_scanned":1}"#, "the field `queries` is missing"),
        (Kics, r#"{"files_scanned":1,"queries":[],"total_counter":2}"#, "counts more results than the 0"),
        (Terrascan, r#"{"results":{"scan_errors":[{"errMsg":"e"}]}}"#, "the field `violations` is missing"),
        (Terrascan, r#"{"results":{"violations":null}}"#, "the field `scan_summary` is missing"),
        (
            Terrascan,
            r#"{"results":{"violations":null,"scan_summary":{"policies_validated":0,"violated_policies":0}}}"#,
            "Terrascan validated no policy",
        ),
        (
            Terrascan,
            r#"{"results":{"violations":[],"scan_summary":{"policies_validated":6,"violated_policies":2}}}"#,
            "counts violated policies and the report shows none",
        ),
        (Snyk, "[]", "Snyk tested no project"),
        (
            Snyk,
            r#"{"ok":false,"error":"Authentication failed","path":"/x"}"#,
            "Snyk reports an error: Authentication failed",
        ),
        (
            Snyk,
            r#"[{"ok":true,"vulnerabilities":[]},{"ok":false,"error":"e"}]"#,
            "$[1]: Snyk reports an error: e",
        ),
        (
            Snyk,
            r#"{"vulnerabilities":[],"uniqueCount":3}"#,
            "counts vulnerabilities and the report shows none",
        ),
        (Snyk, r#"{"infrastructureAsCodeIssues":[]}"#, "declare it as `sarif`"),
        (DependencyCheck, r#"{"reportSchema":"2.0"}"#, "only version 1 of the schema"),
        (
            DependencyCheck,
            r#"{"reportSchema":"1.1","scanInfo":{"analysisExceptions":[{"exception":{"message":"NVD API returned 403"}}]},"dependencies":[]}"#,
            "Dependency-Check reports an error: NVD API returned 403",
        ),
        (DependencyCheck, r#"{"reportSchema":"1.1","scanInfo":{},"dependencies":[]}"#, "names no dependency"),
        (Sonarqube, "[]", "the list has no page"),
        (
            Sonarqube,
            r#"{"errors":[{"msg":"Insufficient privileges"}]}"#,
            "SonarQube reports an error: Insufficient privileges",
        ),
        (Sonarqube, r#"{"issues":[]}"#, "the field `total` is missing"),
        (Sonarqube, r#"{"issues":[],"paging":{"total":501}}"#, "it shows 0 of 501 issues"),
        (CheckmarxXml, "<CxXMLResults/>", "the attribute `FilesScanned` is missing"),
        (CheckmarxXml, "<CxXMLResults FilesScanned='0'/>", "Checkmarx read no file"),
        (
            CheckmarxXml,
            "<CxXMLResults FilesScanned='1'><Result/></CxXMLResults>",
            "the name of its query is missing",
        ),
        (CheckmarxJson, r#"{"results":[]}"#, "the field `totalCount` is missing"),
        (CheckmarxJson, r#"{"results":[],"totalCount":7}"#, "the report shows 0 results"),
        (CheckmarxJson, r#"{"scanResults":{"new-engine":{}}}"#, "the results of this engine are not read"),
        (CheckmarxJson, r#"{"message":"token expired","code":401}"#, "the field `totalCount` is missing"),
        (BurpXml, "<issues/>", "the attribute `burpVersion` is missing"),
        (BurpXml, "<issues burpVersion='1'><issue/></issues>", "the element `type` is missing"),
        (
            BurpXml,
            "<!DOCTYPE issues [<!ENTITY a 'b'>]><issues burpVersion='1'>&a;</issues>",
            "a document type",
        ),
        (Openscap, "<Benchmark/>", "it has no result of a rule"),
        (
            Openscap,
            "<TestResult><rule-result idref='a'><result>notselected</result></rule-result></TestResult>",
            "nothing was evaluated",
        ),
        (Openscap, "<TestResult><rule-result idref='a'/></TestResult>", "the element `result` is missing"),
        (
            Openscap,
            "<TestResult><rule-result idref='a'><result>fine</result></rule-result></TestResult>",
            "XCCDF has no such result",
        ),
        (Openscap, "<oval_results/>", "expected `Benchmark`"),
        (Inspec, r#"{"controls":[],"version":"5"}"#, "the field `profiles` is missing"),
        (Inspec, r#"{"profiles":[]}"#, "no test ran"),
        (
            Inspec,
            r#"{"profiles":[{"status":"failed","status_message":"bad syntax","controls":[]}]}"#,
            "could not load the profile: bad syntax",
        ),
        (
            Inspec,
            r#"{"profiles":[{"controls":[{"id":"a","results":[{"status":"odd"}]}]}]}"#,
            "not `passed`, `failed`",
        ),
    ] {
        let error = refusal(format, text.as_bytes());
        assert!(error.contains(why), "{format:?} {text}: {error}");
    }
}

/// Cut in the middle, each seed is an error and never a shorter report.
#[test]
fn cut_files() {
    for (format, seed) in [
        (Kics, seeds::KICS),
        (Terrascan, seeds::TERRASCAN),
        (Snyk, seeds::SNYK),
        (DependencyCheck, seeds::DEPENDENCY_CHECK),
        (Sonarqube, seeds::SONARQUBE),
        (CheckmarxXml, seeds::CHECKMARX_XML),
        (CheckmarxJson, seeds::CHECKMARX_JSON),
        (BurpXml, seeds::BURP_XML),
        (Openscap, seeds::OPENSCAP),
        (Inspec, seeds::INSPEC),
    ] {
        for part in 1..20 {
            let end = seed.floor_char_boundary(seed.len() * part / 20);
            let error = refusal(format, &seed.as_bytes()[..end]);
            // Burp's document type ends before it is cut, or is refused.
            let is_refused = error.contains("not sound") || error.contains("a document type");
            assert!(is_refused, "{format:?} {part}: {error}");
        }
    }
}
