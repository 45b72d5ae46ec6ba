//! Published reports of real tools, and the specification's examples.
//!
//! The numbers were counted by `count.py` beside this file, which shares nothing with the product.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::document::findings::{Class, Origin, Severity};
use scan::reports::ReportFormat::{
    self, Bandit, Checkov, CyclonedxJson, CyclonedxXml, Grype, Hadolint, Kics, NpmAudit, OsvScanner,
    PipAudit, Sarif, Semgrep, Terrascan, Tfsec, Trivy, ZapXml,
};
use scan::reports::translate;

use serde_json::{Value, json};

use crate::findings;
use crate::published_vectors::suite;

#[test]
fn each_file_is_read_as_counted() {
    let mut wrong = Vec::new();
    for (format, path, expected) in TABLE {
        let Some(found) = read(*format, path) else { return };
        let agrees = match (&found, expected) {
            (Ok(found), Ok(expected)) => found == expected,
            (Err(error), Err(expected)) => error.contains(expected),
            _ => false,
        };
        if !agrees {
            wrong.push(format!("{path}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_left_out() {
    for dir in DIRS {
        let Some(root) = suite(dir) else { return };
        for path in files(&root) {
            let path = format!("{dir}/{}", path.strip_prefix(&root).unwrap().display());
            if path.ends_with("README.md") {
                continue;
            }
            assert!(TABLE.iter().any(|row| row.1 == path), "`{path}` has no row");
        }
    }
}

/// The examples of the CycloneDX specification. Nearly all are plain bills of materials, sound and broken ones, and a
/// format of findings refuses them all: nothing in them says that somebody looked for vulnerabilities.
#[test]
fn bills_of_materials_are_no_findings() {
    let Some(root) = suite("cyclonedx") else { return };
    let mut count = 0;
    for path in files(&root) {
        let path = format!("cyclonedx/{}", path.strip_prefix(&root).unwrap().display());
        if path.starts_with("cyclonedx/schema/")
            || path.ends_with("NOTICE")
            || TABLE.iter().any(|row| row.1 == path)
        {
            continue;
        }
        let error = read(CyclonedxJson, &path).unwrap().unwrap_err();
        assert!(error.contains("did not look for any"), "{path}: {error}");
        count += 1;
    }
    assert_eq!(count, 126);
}

/// Examples of the OSV schema, as OSV-Scanner's report holds such records.
#[test]
fn records_of_the_osv_schema() {
    let Some(root) = suite("osv-schema") else { return };
    let examples = files(&root.join("tools"));
    let count = examples.iter().filter(|path| !is_other(path)).count();
    assert_eq!(count, RECORDS.len(), "each record has a row");
    for (name, package, severity, fixed) in RECORDS {
        let path = examples.iter().find(|path| path.ends_with(name)).unwrap();
        let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let [ecosystem, package, version] = *package;
        let package = json!({ "ecosystem": ecosystem, "name": package, "version": version });
        let report = json!({ "results": [{ "packages": [{ "package": package, "vulnerabilities": [record.clone()] }] }] });
        let found = findings(OsvScanner, report.to_string().as_bytes(), &BTreeMap::new()).findings;
        let found = found.into_values().next().unwrap();
        assert_eq!(found.rule, record["id"].as_str().unwrap(), "{name}");
        assert_eq!((found.severity, found.fixed.as_deref()), (*severity, *fixed), "{name}");
        let aliases: Vec<&str> =
            record["aliases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(
            aliases.iter().all(|id| found.aliases.contains(*id)) && aliases.len() == found.aliases.len(),
            "{name}"
        );
        assert_eq!(found.published.is_some(), record["published"].is_string(), "{name}");
        assert_eq!(found.class == Class::Supply, found.rule.starts_with("MAL-"), "{name}");
    }
}

/// Input of a converter to the OSV format, which is another format.
fn is_other(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.contains("/ghsa/") && !name.ends_with(".osv.json")
}

fn read(format: ReportFormat, path: &str) -> Option<Result<u64, String>> {
    let (name, rest) = path.split_once('/').unwrap();
    let bytes = std::fs::read(suite(name)?.join(rest)).unwrap();
    let translated = translate(format, &bytes, &BTreeMap::new(), Origin::Scan);
    Some(translated.map(|translated| translated.items.values().sum()).map_err(|error| error.to_string()))
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

type Record = (&'static str, [&'static str; 3], Severity, Option<&'static str>);

/// A record, a package with a version that it speaks about, severity and smallest fix.
#[rustfmt::skip]
const RECORDS: &[Record] = &[
    ("equals_no_patch.osv.json", ["RubyGems", "paranoid2", "1.1.6"], Severity::Unknown, None),
    ("equals_with_patch.osv.json", ["npm", "mixin-deep", "1.3.1"], Severity::Unknown, Some("1.3.2")),
    ("full_ranges.osv.json", ["Maven", "com.typesafe.akka:akka-actor_2.12", "2.5.10"], Severity::Unknown, Some("2.5.16")),
    ("less_than_equals_no_patch.osv.json", ["npm", "shiba", "1.0.0"], Severity::Unknown, None),
    ("less_than_equals_with_patch.osv.json", ["npm", "i18next", "1.0.0"], Severity::Unknown, Some("1.10.3")),
    ("maven_greater_than.osv.json", ["Maven", "org.xwiki.commons:xwiki-commons-core", "12.1"], Severity::Unknown, Some("12.6.7")),
    ("multiple_ranges_in_package.osv.json", ["RubyGems", "passenger", "4.0.2"], Severity::Unknown, Some("4.0.5")),
    ("withdrawn.osv.json", ["RubyGems", "activesupport", "4.2.0"], Severity::Unknown, Some("4.2.2")),
    ("testdata/CVE-2018-5407.json", ["Alpine:v3.3", "openssl", "1.0.2p-r0"], Severity::Medium, Some("1.0.2q-r0")),
    ("testdata/CVE-2023-41045.json", ["", "", "466af81"], Severity::Medium, None),
    ("GO-2020-0001.json", ["Go", "github.com/gin-gonic/gin", "1.5.0"], Severity::Unknown, Some("1.6.0")),
    ("MAL-2024-10238.json", ["PyPI", "123bla", "1.0"], Severity::Critical, None),
    ("PYSEC-2023-74.json", ["PyPI", "requests", "2.30.0"], Severity::Unknown, Some("2.31.0")),
    ("SUSE-FU-2022_0444-1.json", ["SUSE", "a", "1"], Severity::Unknown, None),
    ("nointroduced-CVE-2023-41045.json", ["", "", "466af81"], Severity::Medium, None),
    ("nondistinct-CVE-2018-5407.json", ["Alpine:v3.3", "openssl", "1.0.2p-r0"], Severity::Medium, Some("1.0.2q-r0")),
    ("nopackage-GHSA-9v2f-6vcg-3hgv.json", ["PyPI", "gradio", "4.36.1"], Severity::Critical, None),
];

/// Directories of which every file is in the table.
const DIRS: [&str; 16] = [
    "sarif/SpecExamples",
    "scanner-reports/sarif",
    "scanner-reports/trivy",
    "scanner-reports/anchore_grype",
    "scanner-reports/osv_scanner",
    "scanner-reports/semgrep",
    "scanner-reports/bandit",
    "scanner-reports/zap",
    "scanner-reports/cyclonedx",
    "scanner-reports/pip_audit",
    "scanner-reports/npm_audit_7_plus",
    "scanner-reports/checkov",
    "scanner-reports/hadolint",
    "scanner-reports/tfsec",
    "scanner-reports/kics",
    "scanner-reports/terrascan",
];

type Row = (ReportFormat, &'static str, Result<u64, &'static str>);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (Sarif, "sarif/SpecExamples/Comprehensive.sarif", Err("only SARIF 2.1.0 is read")),
    (Sarif, "sarif/SpecExamples/InlineExternalProperties.sarif", Err("only SARIF 2.1.0 is read")),
    (Sarif, "sarif/SpecExamples/Minimal.sarif", Err("only SARIF 2.1.0 is read")),
    (Sarif, "sarif/SpecExamples/RecommendedWithSource.sarif", Err("only SARIF 2.1.0 is read")),
    (Sarif, "sarif/SpecExamples/RecommendedWithoutSource.sarif", Err("only SARIF 2.1.0 is read")),
    (Sarif, "sarif/SpecExamples/RuleMetadata.sarif", Err("only SARIF 2.1.0 is read")),
    (Sarif, "scanner-reports/sarif/SuppressionTestCurrent.sarif", Ok(4)),
    (Sarif, "scanner-reports/sarif/appendix_k1.sarif", Ok(0)),
    (Sarif, "scanner-reports/sarif/appendix_k1_double.sarif", Ok(0)),
    (Sarif, "scanner-reports/sarif/appendix_k2.sarif", Ok(1)),
    (Sarif, "scanner-reports/sarif/appendix_k3.sarif", Ok(1)),
    (Sarif, "scanner-reports/sarif/bash-report-fabricated-no-internal-dupes-subset.sarif", Ok(4)),
    (Sarif, "scanner-reports/sarif/bash-report-fabricated-no-internal-dupes.sarif", Ok(5)),
    (Sarif, "scanner-reports/sarif/bash-report-subset-same-hash-code-same-unique-id.sarif", Ok(2)),
    (Sarif, "scanner-reports/sarif/bash-report.sarif", Ok(12)),
    (Sarif, "scanner-reports/sarif/blackduck_nested_fingerprints.sarif", Ok(5)),
    (Sarif, "scanner-reports/sarif/cxf-3.4.6.sarif", Ok(22)),
    (Sarif, "scanner-reports/sarif/dockle_0_3_15.sarif", Ok(4)),
    (Sarif, "scanner-reports/sarif/flawfinder.sarif", Ok(53)),
    (Sarif, "scanner-reports/sarif/mobsfscan.json", Ok(18)),
    (Sarif, "scanner-reports/sarif/njsscan.sarif", Ok(3)),
    (Sarif, "scanner-reports/sarif/spotbugs.sarif", Err("the tool says that it failed")),
    (Sarif, "scanner-reports/sarif/suppression_test.sarif", Ok(5)),
    (Sarif, "scanner-reports/sarif/taint-python-report.sarif", Ok(11)),
    (Trivy, "scanner-reports/trivy/all_statuses.json", Ok(8)),
    (Trivy, "scanner-reports/trivy/cvss_severity_source.json", Ok(2)),
    (Trivy, "scanner-reports/trivy/cvssv4_severity_source.json", Ok(3)),
    (Trivy, "scanner-reports/trivy/issue_14136.json", Ok(1)),
    (Trivy, "scanner-reports/trivy/issue_9092.json", Ok(1)),
    (Trivy, "scanner-reports/trivy/license_scheme.json", Ok(19)),
    (Trivy, "scanner-reports/trivy/scheme_2_many_vulns.json", Ok(5)),
    (Trivy, "scanner-reports/trivy/scheme_2_no_vuln.json", Ok(0)),
    (Trivy, "scanner-reports/trivy/severity_prio.json", Ok(2)),
    (Grype, "scanner-reports/anchore_grype/check_all_fields.json", Ok(5)),
    (Grype, "scanner-reports/anchore_grype/check_all_fields_different_ids_fabricated.json", Ok(1)),
    (Grype, "scanner-reports/anchore_grype/check_all_fields_no_ids_fabricated.json", Ok(1)),
    (Grype, "scanner-reports/anchore_grype/check_all_fields_with_ids_fabricated.json", Ok(1)),
    (Grype, "scanner-reports/anchore_grype/fix_available.json", Ok(1)),
    (Grype, "scanner-reports/anchore_grype/fix_not_available.json", Ok(1)),
    (Grype, "scanner-reports/anchore_grype/many_vulns4.json", Ok(9)),
    (Grype, "scanner-reports/anchore_grype/many_vulns_with_epss_values.json", Ok(15)),
    (Grype, "scanner-reports/anchore_grype/no_vuln.json", Ok(0)),
    (Grype, "scanner-reports/anchore_grype/same_cve_different_paths.json", Ok(1)),
    (OsvScanner, "scanner-reports/osv_scanner/some_findings.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/close_old_findings_report_line31.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/close_old_findings_report_second_run_line24.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/close_old_findings_report_third_run_different_unique_id.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/empty.json", Ok(0)),
    (Semgrep, "scanner-reports/semgrep/high-medium-low-severities.json", Ok(3)),
    (Semgrep, "scanner-reports/semgrep/issue_8435.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/multiple_cwes_fabricated.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/one_finding.json", Ok(1)),
    (Semgrep, "scanner-reports/semgrep/semgrep_version_1_30_0_line_26.json", Ok(5)),
    (Semgrep, "scanner-reports/semgrep/semgrep_version_1_30_0_line_27.json", Ok(5)),
    (Bandit, "scanner-reports/bandit/dd.json", Ok(47)),
    (Bandit, "scanner-reports/bandit/no_vuln.json", Err("Bandit read no file")),
    (Bandit, "scanner-reports/bandit/one_vuln.json", Ok(1)),
    (ZapXml, "scanner-reports/zap/0_zap_sample.xml", Ok(10)),
    (ZapXml, "scanner-reports/zap/1_zap_sample_0_and_new_absent.xml", Ok(10)),
    (ZapXml, "scanner-reports/zap/3_zap_sampl_0_and_different_severities.xml", Ok(10)),
    (ZapXml, "scanner-reports/zap/dvwa_baseline_dojo.xml", Ok(96)),
    (ZapXml, "scanner-reports/zap/dvwa_baseline_dojo_fabricated_internal_duplicates.xml", Ok(71)),
    (ZapXml, "scanner-reports/zap/empty_2.9.0.xml", Ok(0)),
    (ZapXml, "scanner-reports/zap/juicy2.xml", Ok(71)),
    (ZapXml, "scanner-reports/zap/some_2.9.0.xml", Ok(14)),
    (ZapXml, "scanner-reports/zap/zap-results-second-scan.xml", Ok(78)),
    (ZapXml, "scanner-reports/zap/zap_2.16.1_with_req_resp.xml", Ok(13)),
    (CyclonedxJson, "cyclonedx/1.5/invalid-bomformat-1.5.json", Err("is not `CycloneDX`")),
    (CyclonedxJson, "cyclonedx/1.5/valid-vulnerability-1.5.json", Ok(1)),
    (CyclonedxJson, "cyclonedx/1.6/valid-compositions-1.6.json", Ok(1)),
    (CyclonedxJson, "cyclonedx/1.6/valid-vulnerability-1.6.json", Ok(1)),
    (CyclonedxJson, "cyclonedx/1.7/invalid-bomformat-1.7.json", Err("is not `CycloneDX`")),
    (CyclonedxJson, "cyclonedx/1.7/valid-vulnerability-1.7.json", Ok(1)),
    (CyclonedxJson, "scanner-reports/cyclonedx/log4j.json", Ok(8)),
    (CyclonedxJson, "scanner-reports/cyclonedx/no-severity.json", Ok(1)),
    (CyclonedxJson, "scanner-reports/cyclonedx/valid-vulnerability-1.4.json", Ok(1)),
    (CyclonedxXml, "scanner-reports/cyclonedx/cyclonedx_bom.xml", Err("did not look for any")),
    (CyclonedxXml, "scanner-reports/cyclonedx/jake.xml", Err("did not look for any")),
    (CyclonedxXml, "scanner-reports/cyclonedx/log4j.xml", Ok(8)),
    (CyclonedxXml, "scanner-reports/cyclonedx/multiple_cwes_fabricated.xml", Ok(1)),
    (CyclonedxXml, "scanner-reports/cyclonedx/spec1.xml", Ok(1)),
    (CyclonedxXml, "scanner-reports/cyclonedx/spec1_lowfirst.xml", Ok(1)),
    (PipAudit, "scanner-reports/pip_audit/empty.json", Ok(0)),
    (NpmAudit, "scanner-reports/npm_audit_7_plus/multiple_cwes_fabricated.json", Ok(2)),
    (NpmAudit, "scanner-reports/npm_audit_7_plus/no_vuln.json", Ok(0)),
    (NpmAudit, "scanner-reports/npm_audit_7_plus/one_vuln.json", Ok(3)),
    (Checkov, "scanner-reports/checkov/checkov-report-1-vuln.json", Ok(1)),
    (Checkov, "scanner-reports/checkov/checkov-report-severity.json", Ok(4)),
    (Checkov, "scanner-reports/checkov/checkov2-report-0-vuln.json", Ok(0)),
    (Hadolint, "scanner-reports/hadolint/one_dockerfile.json", Ok(4)),
    (Tfsec, "scanner-reports/tfsec/many_findings_current.json", Ok(19)),
    (Tfsec, "scanner-reports/tfsec/no_findings.json", Ok(0)),
    (Tfsec, "scanner-reports/tfsec/one_finding_legacy.json", Ok(1)),
    (Kics, "scanner-reports/kics/many_findings.json", Ok(15)),
    (Kics, "scanner-reports/kics/no_findings.json", Ok(0)),
    (Terrascan, "scanner-reports/terrascan/many_findings.json", Ok(9)),
    (CyclonedxJson, "osv-scanner/sbom-insecure/alpine-zlib-16.cdx.json", Err("did not look for any")),
    (CyclonedxXml, "osv-scanner/locks-many-with-insecure/alpine.cdx.xml", Err("did not look for any")),
    (CyclonedxXml, "osv-scanner/sbom-insecure/alpine.cdx.xml", Err("did not look for any")),
    (CyclonedxXml, "osv-scanner/sbom-insecure/bad-purls.cdx.xml", Err("did not look for any")),
    (CyclonedxXml, "osv-scanner/sbom-insecure/with-duplicates.cdx.xml", Err("did not look for any")),
];
