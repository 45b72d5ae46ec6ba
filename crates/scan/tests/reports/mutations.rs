//! Broken reports: 10,000 mutations a format. None makes a parser panic, and none makes a report with entries read as
//! one without.

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use scan::reports::{ReportFormat, translate};
use serde_json::Value;

use crate::published_vectors::suite;

pub const MUTATIONS: usize = 10_000;
pub const SEED_BYTES_MAX: usize = 16 * 1024;

#[test]
fn sarif() {
    check(ReportFormat::Sarif, &[SARIF], "scanner-reports/sarif");
}

#[test]
fn junit() {
    let seeds = [include_str!("junit/pytest.xml"), include_str!("junit/node.xml"), JUNIT];
    check(ReportFormat::Junit, &seeds, "none");
}

#[test]
fn osv_scanner() {
    check(ReportFormat::OsvScanner, &[OSV], "scanner-reports/osv_scanner");
}

#[test]
fn trivy() {
    check(ReportFormat::Trivy, &[TRIVY], "scanner-reports/trivy");
}

#[test]
fn grype() {
    check(ReportFormat::Grype, &[GRYPE], "scanner-reports/anchore_grype");
}

#[test]
fn cyclonedx_json() {
    check(ReportFormat::CyclonedxJson, &[CYCLONEDX], "none");
}

#[test]
fn cyclonedx_xml() {
    check(ReportFormat::CyclonedxXml, &[CYCLONEDX_XML], "none");
}

#[test]
fn zap_json() {
    check(ReportFormat::ZapJson, &[ZAP], "none");
}

#[test]
fn zap_xml() {
    check(ReportFormat::ZapXml, &[ZAP_XML], "scanner-reports/zap");
}

#[test]
fn wapiti() {
    check(ReportFormat::Wapiti, &[WAPITI], "none");
}

#[test]
fn semgrep() {
    check(ReportFormat::Semgrep, &[SEMGREP], "scanner-reports/semgrep");
}

#[test]
fn bandit() {
    check(ReportFormat::Bandit, &[BANDIT], "scanner-reports/bandit");
}

#[test]
fn pip_audit() {
    check(ReportFormat::PipAudit, &[PIP_AUDIT], "none");
}

#[test]
fn npm_audit() {
    check(ReportFormat::NpmAudit, &[NPM_AUDIT], "scanner-reports/npm_audit_7_plus");
}

#[test]
fn checkov() {
    check(ReportFormat::Checkov, &[CHECKOV], "scanner-reports/checkov");
}

#[test]
fn hadolint() {
    check(ReportFormat::Hadolint, &[HADOLINT], "scanner-reports/hadolint");
}

#[test]
fn tfsec() {
    check(ReportFormat::Tfsec, &[TFSEC], "scanner-reports/tfsec");
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
    let tree = BTreeMap::from([("a.py".to_owned(), "eval(x)\n".to_owned())]);
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
        _ => list(root, "results").len(),
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

const SARIF: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","version":"1","rules":[{"id":"R","defaultConfiguration":{"level":"error"},
"messageStrings":{"m":{"text":"{0}"}},"properties":{"security-severity":"7.5","tags":["security"]}}]}},"invocations":[{"executionSuccessful":true}],
"originalUriBaseIds":{"ROOT":{"uri":"file:///ci/"}},"artifacts":[{"location":{"uri":"a.py"}}],"results":[
{"ruleId":"R","ruleIndex":0,"kind":"fail","level":"warning","message":{"id":"m","arguments":["x"]},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py","uriBaseId":"ROOT"},"region":{"startLine":1,"startColumn":2,"endLine":1}}}],"suppressions":[{"kind":"inSource"}]},
{"ruleId":"Q","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"index":0}}},{"logicalLocations":[{"fullyQualifiedName":"A.b"}]}]}]}]}"#;

const JUNIT: &str = r#"<?xml version="1.0"?><testsuites name="nextest-run" tests="2" failures="1"><testsuite name="a" tests="2" failures="1"><properties><property name="control" value="C-1"/></properties>
<testcase name="x" classname="a"><flakyFailure message="m"/></testcase><testcase name="y" classname="a"><failure message="m">t &lt;</failure></testcase></testsuite></testsuites>"#;

const OSV: &str = r#"{"results":[{"source":{"path":"/a/yarn.lock"},"packages":[{"package":{"name":"b","version":"1.0","ecosystem":"npm"},"vulnerabilities":[{"id":"GHSA-1","aliases":["CVE-1"],"summary":"s","published":"2023-08-01T05:29:33Z",
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"name":"b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.1"}]}]}]}],"groups":[{"ids":["GHSA-1"],"aliases":["CVE-1"],"max_severity":"9.8"}],"license_violations":["GPL-3.0"]}]}]}"#;

const TRIVY: &str = r#"{"SchemaVersion":2,"ArtifactName":"a","Results":[{"Target":"a.py","Class":"lang-pkgs","Type":"pip","Vulnerabilities":[{"VulnerabilityID":"CVE-1","VendorIDs":["GHSA-1"],"PkgName":"b","PkgIdentifier":{"PURL":"pkg:pypi/b@1"},"InstalledVersion":"1","FixedVersion":"2, 3","Severity":"HIGH","PublishedDate":"2023-12-07T01:15:07.16Z","CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N"}}}],
"Misconfigurations":[{"ID":"DS002","Status":"FAIL","Severity":"HIGH","Message":"m","CauseMetadata":{"StartLine":1,"EndLine":2}}],"Secrets":[{"RuleID":"aws","Title":"t","Severity":"CRITICAL","StartLine":1,"EndLine":1}],"Licenses":[{"Severity":"LOW","PkgName":"b","Name":"MIT"}],
"ExperimentalModifiedFindings":[{"Type":"secret","Status":"ignored","Finding":{"RuleID":"x","Severity":"LOW"}}]}]}"#;

const GRYPE: &str = r#"{"matches":[{"vulnerability":{"id":"GHSA-1","severity":"High","cvss":[{"vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H"}],"epss":[{"epss":0.07}],"fix":{"versions":["1.1"],"state":"fixed"}},"relatedVulnerabilities":[{"id":"CVE-1","severity":"Low"}],"artifact":{"name":"b","version":"1.0","type":"npm","purl":"pkg:npm/b@1.0"}}],
"ignoredMatches":[{"vulnerability":{"id":"CVE-2"},"artifact":{"name":"c","version":"1","type":"deb"}}],"descriptor":{"name":"grype","version":"0.94.0"}}"#;

const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"tools":[{"name":"t","version":"1"}],"component":{"name":"p","bom-ref":"p"}},"components":[{"name":"b","group":"g","version":"1","bom-ref":"r","purl":"pkg:npm/g/b@1","components":[{"name":"c"}]}],
"vulnerabilities":[{"id":"CVE-1","references":[{"id":"GHSA-1"}],"ratings":[{"score":9.8,"severity":"critical","method":"CVSSv31","vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"description":"d","published":"2021-01-01T00:00:00.000Z","affects":[{"ref":"r"}]},{"id":"CVE-2"}]}"#;

const CYCLONEDX_XML: &str = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.2" xmlns:v="http://cyclonedx.org/schema/ext/vulnerability/1.0"><components><component type="library" bom-ref="r"><name>b</name><version>1</version><purl>pkg:npm/b@1</purl></component></components>
<v:vulnerabilities><v:vulnerability ref="r"><v:id>CVE-1</v:id><v:ratings><v:rating><v:score><v:base>9.8</v:base></v:score><v:severity>Critical</v:severity><v:method>CVSSv3</v:method><v:vector>AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H</v:vector></v:rating></v:ratings><v:description>d</v:description></v:vulnerability></v:vulnerabilities></bom>"#;

const ZAP: &str = r#"{"@version":"2.16.1","site":[{"@name":"https://a","alerts":[{"pluginid":"10055","alertRef":"10055-6","alert":"CSP","riskcode":"2","confidence":"3","instances":[{"uri":"https://a/x?y=1","method":"GET","param":"p"}]},{"pluginid":"1","alert":"b","riskcode":"0","confidence":"1"}]}]}"#;

const ZAP_XML: &str = r#"<?xml version="1.0"?><OWASPZAPReport version="2.9.0"><site name="https://a"><alerts><alertitem><pluginid>10055</pluginid><alert>CSP</alert><riskcode>2</riskcode><confidence>3</confidence><desc>&lt;p&gt;</desc><instances><instance><uri>https://a/x</uri><method>GET</method><param>p</param></instance></instances></alertitem></alerts></site></OWASPZAPReport>"#;

const WAPITI: &str = r#"{"vulnerabilities":{"SQL Injection":[{"method":"GET","path":"/a","info":"i","level":4,"parameter":"q","module":"sql"}],"XSS":[]},"anomalies":{"Internal Server Error":[{"method":"POST","path":"/b","info":"j","level":2,"parameter":null}]},"additionals":{"Fingerprint":[{"method":"GET","path":"/","info":"nginx","level":0}]},"infos":{"target":"http://a/","version":"Wapiti 3.2.3","crawled_pages_nbr":4}}"#;

const SEMGREP: &str = r#"{"version":"1.97.0","errors":[{"level":"warn","message":"m"}],"results":[{"check_id":"a.b","path":"a.py","start":{"line":1,"col":1,"offset":0},"end":{"line":1,"col":5,"offset":4},"extra":{"message":"m","severity":"ERROR","is_ignored":false,"metadata":{"vulnerability_class":["Hard-coded Secrets"]}}},
{"check_id":"c","path":"b.py","start":{"line":1},"end":{"line":1},"extra":{"message":"m","severity":"HIGH","sca_info":{"dependency_match":{"found_dependency":{"package":"b","version":"1","ecosystem":"npm"}}}}}]}"#;

const BANDIT: &str = r#"{"errors":[],"generated_at":"2021-01-01T00:00:00Z","metrics":{"_totals":{"loc":2,"nosec":0},"a.py":{"loc":2,"nosec":0}},"results":[{"filename":"a.py","test_id":"B101","test_name":"assert_used","issue_text":"Use of assert","issue_severity":"LOW","issue_confidence":"HIGH","line_number":1,"line_range":[1],"col_offset":0}]}"#;

const PIP_AUDIT: &str = r#"{"dependencies":[{"name":"Flask","version":"0.5","vulns":[{"id":"PYSEC-2019-179","fix_versions":["1.0"],"aliases":["CVE-2019-1010083"],"description":"d"}]},
{"name":"x","version":"1","vulns":[]},{"name":"y","skip_reason":"not found"}],"fixes":[]}"#;

const NPM_AUDIT: &str = r#"{"auditReportVersion":2,"vulnerabilities":{"debug":{"name":"debug","severity":"high","via":[{"source":1,"name":"debug","title":"t","url":"https://github.com/advisories/GHSA-gxpj-cx7g-858c","severity":"moderate","cvss":{"score":5.3,"vectorString":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}},"ms"],"nodes":["node_modules/debug"]},
"ms":{"name":"ms","severity":"low","via":[{"source":2,"title":"u","severity":"low"}],"nodes":[]}},"metadata":{"vulnerabilities":{"total":2}}}"#;

const CHECKOV: &str = r#"[{"check_type":"terraform","results":{"failed_checks":[{"check_id":"CKV_1","check_name":"n","file_path":"/a.tf","file_abs_path":"/ci/a.tf","file_line_range":[1,2],"resource":"r","severity":null}],
"skipped_checks":[{"check_id":"CKV_2","file_path":"/a.tf"}],"parsing_errors":["b.tf"]},"summary":{"failed":1,"checkov_version":"3.3.30"}}]"#;

const HADOLINT: &str = r#"[{"line":9,"code":"DL3008","message":"Pin versions","column":1,"file":"Dockerfile","level":"warning"},{"line":1,"code":"SC2086","message":"m","file":"a.py","level":"info"}]"#;

const TFSEC: &str = r#"{"results":[{"rule_id":"AVD-1","long_id":"aws-s3-x","description":"d","severity":"HIGH","status":"failed","location":{"filename":"/ci/a.tf","start_line":1,"end_line":2}},{"rule_id":"G","passed":false,"location":{"filename":"a"}}]}"#;
