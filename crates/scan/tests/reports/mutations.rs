//! Broken reports: 10,000 mutations a format. None makes a parser panic, and none makes a report with entries read as
//! one without.

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use scan::reports::{ReportFormat, translate};
use serde_json::Value;

use crate::published_vectors::suite;
use crate::{seeds, sources};

pub const MUTATIONS: usize = 10_000;
pub const SEED_BYTES_MAX: usize = 16 * 1024;

#[test]
fn sarif() {
    check(ReportFormat::Sarif, &[seeds::SARIF], "scanner-reports/sarif");
}

#[test]
fn junit() {
    let seeds = [include_str!("junit/pytest.xml"), include_str!("junit/node.xml"), seeds::JUNIT];
    check(ReportFormat::Junit, &seeds, "none");
}

#[test]
fn osv_scanner() {
    check(ReportFormat::OsvScanner, &[seeds::OSV], "scanner-reports/osv_scanner");
}

#[test]
fn trivy() {
    check(ReportFormat::Trivy, &[seeds::TRIVY], "scanner-reports/trivy");
}

#[test]
fn grype() {
    check(ReportFormat::Grype, &[seeds::GRYPE], "scanner-reports/anchore_grype");
}

#[test]
fn cyclonedx_json() {
    check(ReportFormat::CyclonedxJson, &[seeds::CYCLONEDX], "none");
}

#[test]
fn cyclonedx_xml() {
    check(ReportFormat::CyclonedxXml, &[seeds::CYCLONEDX_XML], "none");
}

#[test]
fn zap_json() {
    check(ReportFormat::ZapJson, &[seeds::ZAP], "none");
}

#[test]
fn zap_xml() {
    check(ReportFormat::ZapXml, &[seeds::ZAP_XML], "scanner-reports/zap");
}

#[test]
fn wapiti() {
    check(ReportFormat::Wapiti, &[seeds::WAPITI], "none");
}

#[test]
fn semgrep() {
    check(ReportFormat::Semgrep, &[seeds::SEMGREP], "scanner-reports/semgrep");
}

#[test]
fn bandit() {
    check(ReportFormat::Bandit, &[seeds::BANDIT], "scanner-reports/bandit");
}

#[test]
fn pip_audit() {
    check(ReportFormat::PipAudit, &[seeds::PIP_AUDIT], "none");
}

#[test]
fn npm_audit() {
    check(ReportFormat::NpmAudit, &[seeds::NPM_AUDIT], "scanner-reports/npm_audit_7_plus");
}

#[test]
fn checkov() {
    check(ReportFormat::Checkov, &[seeds::CHECKOV], "scanner-reports/checkov");
}

#[test]
fn hadolint() {
    check(ReportFormat::Hadolint, &[seeds::HADOLINT], "scanner-reports/hadolint");
}

#[test]
fn tfsec() {
    check(ReportFormat::Tfsec, &[seeds::TFSEC], "scanner-reports/tfsec");
}

#[test]
fn kics() {
    check(ReportFormat::Kics, &[seeds::KICS], "scanner-reports/kics");
}

#[test]
fn terrascan() {
    check(ReportFormat::Terrascan, &[seeds::TERRASCAN], "scanner-reports/terrascan");
}

#[test]
fn snyk() {
    check(ReportFormat::Snyk, &[seeds::SNYK], "none");
}

#[test]
fn dependency_check() {
    check(ReportFormat::DependencyCheck, &[seeds::DEPENDENCY_CHECK], "none");
}

#[test]
fn sonarqube() {
    check(ReportFormat::Sonarqube, &[seeds::SONARQUBE], "none");
}

#[test]
fn checkmarx_xml() {
    check(ReportFormat::CheckmarxXml, &[seeds::CHECKMARX_XML], "none");
}

#[test]
fn checkmarx_json() {
    check(ReportFormat::CheckmarxJson, &[seeds::CHECKMARX_JSON], "none");
}

#[test]
fn burp_xml() {
    check(ReportFormat::BurpXml, &[seeds::BURP_XML], "none");
}

#[test]
fn openscap() {
    check(ReportFormat::Openscap, &[seeds::OPENSCAP], "none");
}

#[test]
fn inspec() {
    check(ReportFormat::Inspec, &[seeds::INSPEC], "none");
}

#[test]
fn cobertura() {
    let seeds = [include_str!("coverage/coverage-py.xml"), include_str!("coverage/c8.xml")];
    check(ReportFormat::Cobertura, &seeds, "none");
}

#[test]
fn lcov() {
    let seeds = [include_str!("coverage/coverage-py.info"), include_str!("coverage/c8.info")];
    check(ReportFormat::Lcov, &seeds, "none");
}

fn check(format: ReportFormat, own: &[&str], dir: &str) {
    let mut tree = sources(&["shop/cart.py", "shop/unused.py", "src/cart.js", "src/unused.js"]);
    tree.insert("a.py".to_owned(), "eval(x)\n".to_owned());
    let mut seeds: Vec<Vec<u8>> = own.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    for seed in &seeds {
        assert!(
            items(&translate(format, seed, &tree, Origin::Scan).unwrap().items) > 0,
            "the seed has entries"
        );
        assert!(count(format, seed) > 0);
    }
    for file in suite("scanner-reports")
        .iter()
        .flat_map(|root| std::fs::read_dir(root.join("..").join(dir)))
        .flatten()
    {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        if bytes.len() <= SEED_BYTES_MAX && count(format, &bytes) > 0 {
            seeds.push(bytes);
        }
    }
    let mut random = fastrand::Rng::with_seed(17);
    let (mut read, mut refused) = (0, 0);
    for n in 0..MUTATIONS {
        let seed = &seeds[n % seeds.len()];
        let mutated = mutate(&mut random, seed);
        let translated = translate(format, &mutated, &tree, Origin::Scan);
        assert!(translated.is_err() || has_list(format, &mutated), "{}", String::from_utf8_lossy(&mutated));
        match translated {
            Ok(translated) if items(&translated.items) == 0 => {
                let text = String::from_utf8_lossy(&mutated);
                assert_eq!(count(format, &mutated), 0, "entries were lost from:\n{text}");
            }
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read > MUTATIONS / 100 && refused > MUTATIONS / 100, "{read} were read, {refused} refused");
}

fn items(items: &BTreeMap<String, u64>) -> u64 {
    items.values().sum()
}

/// One to three changes of a report.
pub fn mutate(random: &mut fastrand::Rng, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..=3) {
        let at = random.usize(0..=bytes.len());
        let end = (at + random.usize(0..40)).min(bytes.len());
        match random.u8(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let part = bytes[at..end].to_vec();
                let to = random.usize(0..=bytes.len());
                bytes.splice(to..to, part);
            }
            4 => {
                let token = TOKENS[random.usize(0..TOKENS.len())];
                bytes.splice(at..end, token.bytes());
            }
            5 => {
                let token = TOKENS[random.usize(0..TOKENS.len())].repeat(random.usize(1..200));
                bytes.splice(at..at, token.bytes());
            }
            6 => replace_value(random, &mut bytes),
            _ => bytes.insert(at, random.u8(..)),
        }
    }
    bytes
}

/// Replaces what stands between two quotes, so that the report stays sound around another value.
fn replace_value(random: &mut fastrand::Rng, bytes: &mut Vec<u8>) {
    let quotes: Vec<usize> = (0..bytes.len()).filter(|n| bytes[*n] == b'"').collect();
    if quotes.len() < 2 {
        return;
    }
    let n = random.usize(0..quotes.len() - 1);
    let value = VALUES[random.usize(0..VALUES.len())];
    bytes.splice(quotes[n] + 1..quotes[n + 1], value.bytes());
}

/// Whether the report still has the list that its entries stand in: without it the tool did not look for any.
fn has_list(format: ReportFormat, bytes: &[u8]) -> bool {
    let name = match format {
        ReportFormat::Sarif => "runs",
        ReportFormat::Trivy => "Results",
        ReportFormat::Grype => "matches",
        ReportFormat::CyclonedxJson | ReportFormat::Wapiti | ReportFormat::NpmAudit => "vulnerabilities",
        ReportFormat::ZapJson => "site",
        ReportFormat::OsvScanner | ReportFormat::Semgrep | ReportFormat::Bandit => "results",
        // tfsec writes `null` for an empty list, and Checkov a summary alone.
        ReportFormat::Tfsec | ReportFormat::Checkov | ReportFormat::Hadolint => return true,
        ReportFormat::PipAudit => "dependencies",
        ReportFormat::Junit | ReportFormat::ZapXml | ReportFormat::CyclonedxXml => return true,
        ReportFormat::Cobertura | ReportFormat::Lcov => return true,
        // A plan without resources has no list of their changes.
        ReportFormat::TerraformPlan | ReportFormat::Infracost => return true,
        ReportFormat::Kics => "queries",
        ReportFormat::Terrascan => "results",
        ReportFormat::DependencyCheck => "dependencies",
        ReportFormat::Inspec => "profiles",
        ReportFormat::CheckmarxJson => "results",
        ReportFormat::Snyk | ReportFormat::Sonarqube => return true,
        ReportFormat::CheckmarxXml | ReportFormat::BurpXml | ReportFormat::Openscap => return true,
    };
    let text = String::from_utf8_lossy(bytes);
    let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let is_whole = |run: &Value| !run["results"].is_null();
    let runs = root["runs"].as_array().is_none_or(|runs| runs.iter().all(is_whole));
    let is_old = format == ReportFormat::PipAudit && root.is_array();
    (is_old || !root[name].is_null()) && (format != ReportFormat::Sarif || runs)
}

/// Entries of a report, counted by the places where the format has them, without the product.
fn count(format: ReportFormat, bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let names: &[&str] = match format {
        ReportFormat::Junit => &["testcase"],
        ReportFormat::ZapXml => &["alertitem"],
        ReportFormat::CyclonedxXml => &["vulnerability"],
        ReportFormat::Cobertura => &["line"],
        ReportFormat::CheckmarxXml => &["Result"],
        ReportFormat::BurpXml => &["issue"],
        ReportFormat::Openscap => return count_results(text),
        ReportFormat::Lcov => return text.lines().filter(|line| line.starts_with("DA:")).count(),
        _ => return serde_json::from_str(text).map_or(0, |value| count_json(format, &value)),
    };
    elements(text, names)
}

/// Elements outside of comments and character data.
fn elements(text: &str, names: &[&str]) -> usize {
    let mut rest = text;
    let mut count = 0;
    while let Some((_, tail)) = rest.split_once('<') {
        let end = |close: &str| tail.split_once(close).map_or("", |(_, after)| after);
        rest = match tail {
            _ if tail.starts_with("!--") => end("-->"),
            _ if tail.starts_with("![CDATA[") => end("]]>"),
            _ if tail.starts_with('?') => end("?>"),
            _ => {
                let name = tail
                    .split(|c: char| c.is_whitespace() || c == '>' || c == '/')
                    .next()
                    .unwrap_or_default();
                let local = name.rsplit(':').next().unwrap_or_default();
                count += usize::from(names.contains(&local));
                tail
            }
        };
    }
    count
}

/// Results of XCCDF that are no pass.
fn count_results(text: &str) -> usize {
    let Ok(document) = roxmltree::Document::parse(text) else { return 0 };
    let results = document.descendants().filter(|node| node.tag_name().name() == "rule-result");
    let outcome = |node: &roxmltree::Node<'_, '_>| {
        let result = node.children().find(|child| child.tag_name().name() == "result");
        matches!(result.and_then(|result| result.text()), Some("fail" | "error" | "unknown" | "notchecked"))
    };
    results.filter(outcome).count()
}

fn count_json(format: ReportFormat, root: &Value) -> usize {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let sum = |values: Vec<Value>, names: &[&str]| -> usize {
        values.iter().map(|value| names.iter().map(|name| list(value, name).len()).sum::<usize>()).sum()
    };
    let no_problem =
        |result: &Value| matches!(result["kind"].as_str(), Some("pass" | "notApplicable" | "informational"));
    match format {
        ReportFormat::Sarif => {
            let results = list(root, "runs").iter().flat_map(|run| list(run, "results")).collect::<Vec<_>>();
            results.iter().filter(|result| !no_problem(result)).count()
        }
        ReportFormat::OsvScanner => {
            let packages = list(root, "results").iter().flat_map(|result| list(result, "packages")).collect();
            sum(packages, &["vulnerabilities", "license_violations"])
        }
        ReportFormat::Trivy => {
            let checks = list(root, "Results")
                .iter()
                .flat_map(|result| list(result, "Misconfigurations"))
                .collect::<Vec<_>>();
            let failed = checks.iter().filter(|check| check["Status"] != "PASS").count();
            failed
                + sum(
                    list(root, "Results"),
                    &["Vulnerabilities", "Secrets", "Licenses", "ExperimentalModifiedFindings"],
                )
        }
        ReportFormat::Grype => list(root, "matches").len() + list(root, "ignoredMatches").len(),
        ReportFormat::CyclonedxJson => list(root, "vulnerabilities").len(),
        ReportFormat::ZapJson => sum(list(root, "site"), &["alerts"]),
        ReportFormat::Wapiti => {
            let lists = ["vulnerabilities", "anomalies", "additionals"]
                .iter()
                .filter_map(|name| root[*name].as_object());
            lists.flat_map(|list| list.values()).map(|entries| entries.as_array().map_or(0, Vec::len)).sum()
        }
        ReportFormat::PipAudit => {
            let packages = root.as_array().cloned().unwrap_or_else(|| list(root, "dependencies"));
            packages.iter().map(|package| list(package, "vulns").len()).sum()
        }
        ReportFormat::NpmAudit => {
            let entries = root["vulnerabilities"].as_object().cloned().unwrap_or_default();
            let advisories = |entry: &Value| list(entry, "via").iter().filter(|via| via.is_object()).count();
            entries.values().map(advisories).sum()
        }
        ReportFormat::Checkov => {
            let parts = root.as_array().cloned().unwrap_or_else(|| vec![root.clone()]);
            parts.iter().map(|part| list(&part["results"], "failed_checks").len()).sum()
        }
        ReportFormat::Hadolint => root.as_array().map_or(0, Vec::len),
        ReportFormat::Tfsec => {
            let results = list(root, "results");
            results.iter().filter(|result| result["status"] != "passed" && result["passed"] != true).count()
        }
        _ => crate::counts::of(format, root),
    }
}

const TOKENS: [&str; 30] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "\\ud800",
    "\\u0000",
    "{}",
    "[]",
    "[{}]",
    "\"\"",
    "<",
    ">",
    "</",
    "<!--",
    "-->",
    "<!DOCTYPE a>",
    "<![CDATA[",
    "]]>",
    "&b;",
    "&#0;",
    "\u{feff}",
    "../",
];

const VALUES: [&str; 14] = [
    "",
    " ",
    "0",
    "-1",
    "11",
    "none",
    "pass",
    "error",
    "CVSS:3.1/AV:N",
    "pkg:npm/%ff@",
    "\u{202e}",
    "../../etc/passwd",
    "file://%00",
    "9999-99-99T99:99:99Z",
];
