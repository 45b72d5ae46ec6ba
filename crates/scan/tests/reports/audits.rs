//! pip-audit, npm audit, Checkov, hadolint and tfsec.

use std::collections::BTreeMap;

use evidence::document::findings::{Class, Finding, Origin, Severity};
use scan::reports::ReportFormat::{self, Checkov, Hadolint, NpmAudit, PipAudit, Tfsec};

use crate::{findings, refusal, tree};

fn read(format: ReportFormat, text: &str, tree: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut found: Vec<Finding> = findings(format, text.as_bytes(), tree).findings.into_values().collect();
    found.sort_by(|a, b| (&a.rule, &a.site).cmp(&(&b.rule, &b.site)));
    found
}

/// Rule, place, severity and whether it only warns.
fn rows(found: &[Finding]) -> Vec<(&str, String, Severity, bool)> {
    let row = |found: &'_ Finding| (found.site.to_string(), found.severity, found.unconfirmed);
    let rows = found.iter().map(|found| (found.rule.as_str(), row(found)));
    rows.map(|(rule, (site, severity, unconfirmed))| (rule, site, severity, unconfirmed)).collect()
}

#[test]
fn pip_audit() {
    let packages = r#"[{"name":"Flask","version":"0.5","vulns":[{"id":"PYSEC-2019-179","fix_versions":["1.0","0.12.3"],"aliases":["CVE-2019-1010083"],"description":"d"}]},
        {"name":"requests","version":"2.32.0","vulns":[]},{"name":"Own_Tool","skip_reason":"Dependency not found on PyPI"}]"#;
    let found = read(PipAudit, &format!(r#"{{"dependencies":{packages},"fixes":[]}}"#), &tree(&[]));
    assert_eq!(
        rows(&found),
        [
            ("PYSEC-2019-179", "pkg:pypi/flask@0.5".into(), Severity::Unknown, false),
            ("scan-incomplete", "pkg:pypi/own-tool".into(), Severity::Unknown, true),
        ]
    );
    assert_eq!((found[0].fixed.as_deref(), found[0].aliases.len()), (Some("0.12.3"), 1));
    assert_eq!(read(PipAudit, packages, &tree(&[])), found, "the older form");
    // pip-audit 2.10.1 without an index that it can ask.
    let offline = include_str!("real/pip-audit-offline.json");
    assert_eq!(read(PipAudit, offline, &tree(&[])).len(), 2, "what was not looked up is not clean");
}

#[test]
fn npm_audit() {
    let text = r#"{"auditReportVersion":2,"vulnerabilities":{
        "debug":{"severity":"high","via":[{"source":1094222,"title":"ReDoS","url":"https://github.com/advisories/GHSA-gxpj-cx7g-858c","severity":"moderate",
            "cvss":{"vectorString":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}},"ms"],"nodes":["node_modules/debug","node_modules/x/node_modules/debug"]},
        "ms":{"severity":"low","via":[{"source":7,"title":"t","severity":"low","cvss":{"vectorString":null}}],"nodes":["node_modules/ms"]}}}"#;
    let lock = r#"{"lockfileVersion":3,"packages":{"":{"version":"0"},"node_modules/debug":{"version":"2.6.8"},"node_modules/x/node_modules/debug":{"version":"2.2.0"}}}"#;
    let source = tree(&[("package-lock.json", lock)]);
    let found = read(NpmAudit, text, &source);
    assert_eq!(
        rows(&found),
        [
            ("GHSA-gxpj-cx7g-858c", "pkg:npm/debug@2.2.0".into(), Severity::Medium, false),
            ("GHSA-gxpj-cx7g-858c", "pkg:npm/debug@2.6.8".into(), Severity::Medium, false),
            ("npm-7", "pkg:npm/ms".into(), Severity::Low, false),
        ]
    );
    assert_eq!(found[0].score, Some(53));
    let cut = text.replace(r#""ms":{"severity""#, r#""other":{"severity""#);
    let found = read(NpmAudit, &cut, &source);
    assert_eq!(found.iter().filter(|found| found.rule == "scan-incomplete" && !found.unconfirmed).count(), 2);
    // npm 10 that reaches a registry without advisories.
    let error = refusal(NpmAudit, include_bytes!("real/npm-audit-error.json"));
    assert!(error.contains("npm reports an error: 405 Method Not Allowed"), "{error}");
    let broken = translate_with(lock.replace('{', ""), text);
    assert!(broken.contains("lockfile of npm: not sound JSON"), "{broken}");
}

fn translate_with(lock: String, text: &str) -> String {
    let tree = BTreeMap::from([("package-lock.json".to_owned(), lock)]);
    scan::reports::translate(NpmAudit, text.as_bytes(), &tree, Origin::Scan).unwrap_err().to_string()
}

#[test]
fn checkov() {
    let source = tree(&[("infra/main.tf", "a\n"), ("infra/bad.tf", "b\n")]);
    let text = r#"[{"check_type":"terraform","results":{"passed_checks":[{"check_id":"CKV_0"}],
        "failed_checks":[{"check_id":"CKV_1","check_name":"n","file_path":"/main.tf","file_abs_path":"/ci/infra/main.tf","file_line_range":[1,2],"resource":"r","severity":"HIGH"}],
        "skipped_checks":[{"check_id":"CKV_2","check_name":"m","file_path":"/main.tf","repo_file_path":"/infra/main.tf","file_line_range":[1,1],"resource":"r","severity":null}],
        "parsing_errors":["/ci/infra/bad.tf"]},"summary":{"failed":1,"checkov_version":"3.3.30"}},{"failed":0,"checkov_version":"3.3.30"}]"#;
    let found = read(Checkov, text, &source);
    assert_eq!(
        rows(&found),
        [
            ("CKV_1", "infra/main.tf:1".into(), Severity::High, false),
            ("CKV_2", "infra/main.tf:1".into(), Severity::Unknown, false),
            ("scan-incomplete", "infra/bad.tf".into(), Severity::Unknown, false),
        ]
    );
    assert_eq!((found[0].class, found[0].message.as_str()), (Class::Configuration, "n (r)"));
}

#[test]
fn hadolint_and_tfsec() {
    let found = read(
        Hadolint,
        r#"[{"line":9,"code":"DL3008","message":"m","column":1,"file":"x\\Dockerfile","level":"warning"},{"line":1,"code":"DL3015","file":"a","level":"style"}]"#,
        &tree(&[]),
    );
    assert_eq!(
        rows(&found),
        [
            ("DL3008", "x/Dockerfile:9".into(), Severity::Medium, false),
            ("DL3015", "a:1".into(), Severity::Low, false)
        ]
    );
    let place = r#""location":{"filename":"/tmp/a.tf","start_line":3,"end_line":4}"#;
    let found = read(
        Tfsec,
        &format!(
            r#"{{"results":[{{"rule_id":"A","severity":"CRITICAL","status":"failed",{place}}},{{"rule_id":"B","status":"passed",{place}}},
            {{"rule_id":"C","status":"ignored",{place}}},{{"rule_id":"D","passed":true,{place}}},{{"rule_id":"E","status":1,{place}}}]}}"#
        ),
        &tree(&[]),
    );
    assert_eq!(found.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(), ["A", "C", "E"]);
}

#[test]
fn refused() {
    for (format, text, why) in [
        (PipAudit, "{}", "the field `dependencies` is missing"),
        (PipAudit, r#"[{"name":"a","version":"1"}]"#, "the field `vulns` is missing"),
        (NpmAudit, r#"{"auditReportVersion":1}"#, "only version 2"),
        (NpmAudit, "{}", "`auditReportVersion` is missing"),
        (
            NpmAudit,
            r#"{"auditReportVersion":2,"vulnerabilities":{},"metadata":{"vulnerabilities":{"total":3}}}"#,
            "counts vulnerabilities and the report shows none",
        ),
        (
            NpmAudit,
            r#"{"auditReportVersion":2,"vulnerabilities":{"a":{"via":[{}]}}}"#,
            "the field `source` is missing",
        ),
        (Checkov, "[]", "no framework ran"),
        (Checkov, "{}", "the field `failed` is missing"),
        (Checkov, r#"{"failed":1}"#, "counts failed checks and shows none"),
        (Checkov, r#"{"results":{},"summary":{"failed":1}}"#, "counts failed checks and shows none"),
        (Hadolint, "{}", "not an array"),
        (
            Hadolint,
            r#"[{"line":1,"code":"DL1000","message":"unexpected 'X'","file":"Dockerfile","level":"error"}]"#,
            "could not parse the file: unexpected 'X'",
        ),
        (Tfsec, "{}", "the field `results` is missing"),
        (Tfsec, r#"{"results":[{"rule_id":"A"}]}"#, "the field `location` is missing"),
    ] {
        let error = refusal(format, text.as_bytes());
        assert!(error.contains(why), "{format:?} {text}: {error}");
    }
}
