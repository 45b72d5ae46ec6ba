//! The format that a report looks like, for the message about one that is declared as another.
//!
//! Input: the text of a report. Output: the name of a format in a pipeline file. Invariant: a guess decides nothing. It reads the names at the top of a report, and no values.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// The format whose names the text has, if one is recognised.
#[must_use]
pub fn looks_like(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        let head = text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text);
        let named = XML.iter().find(|(name, _)| head.contains(name));
        return named.map(|(_, format)| *format);
    }
    if text.starts_with("TN:") || text.starts_with("SF:") {
        return Some("lcov");
    }
    let names: BTreeMap<String, IgnoredAny> = serde_json::from_str(text).ok()?;
    let fits = |wanted: &&(&[&str], &str)| wanted.0.iter().all(|name| names.contains_key(*name));
    JSON.iter().find(fits).map(|(_, format)| *format)
}

/// Names in the first lines of XML.
const XML: [(&str, &str); 10] = [
    ("<testsuite", "junit"),
    ("<OWASPZAPReport", "zap-xml"),
    ("cyclonedx.org/schema/bom", "cyclonedx-xml"),
    ("<testcase", "junit"),
    ("<coverage", "cobertura"),
    ("<CxXMLResults", "checkmarx-xml"),
    ("burpVersion", "burp-xml"),
    ("asset-report-collection", "openscap"),
    ("checklists.nist.gov/xccdf", "openscap"),
    ("<TestResult", "openscap"),
];
/// Names at the top of JSON; the first row that fits counts.
const JSON: [(&[&str], &str); 21] = [
    (&["format_version", "terraform_version"], "terraform-plan"),
    (&["projects", "totalMonthlyCost"], "infracost"),
    (&["runs", "version"], "sarif"),
    (&["bomFormat"], "cyclonedx-json"),
    (&["SchemaVersion", "ArtifactName"], "trivy"),
    (&["matches", "descriptor"], "grype"),
    (&["site", "@programName"], "zap-json"),
    (&["classifications", "vulnerabilities", "infos"], "wapiti"),
    (&["auditReportVersion", "vulnerabilities"], "npm-audit"),
    (&["dependencies", "fixes"], "pip-audit"),
    (&["check_type", "results"], "checkov"),
    (&["results", "metrics", "errors"], "bandit"),
    (&["results", "paths", "errors"], "semgrep"),
    (&["queries", "files_scanned"], "kics"),
    (&["reportSchema", "dependencies"], "dependency-check"),
    (&["issues", "paging"], "sonarqube"),
    (&["hotspots", "paging"], "sonarqube"),
    (&["results", "totalCount"], "checkmarx-json"),
    (&["scanResults", "reportHeader"], "checkmarx-json"),
    (&["profiles", "platform"], "inspec"),
    (&["vulnerabilities", "packageManager"], "snyk"),
];
const HEAD_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_at_the_top_tell_formats_apart() {
        for (text, format) in [
            (r#"{"version":"2.1.0","runs":[]}"#, Some("sarif")),
            ("\u{feff} <?xml version=\"1.0\"?>\n<testsuites/>", Some("junit")),
            (r#"{"bomFormat":"CycloneDX","vulnerabilities":[]}"#, Some("cyclonedx-json")),
            (r#"{"errors":[],"metrics":{},"results":[]}"#, Some("bandit")),
            (r#"{"errors":[],"paths":{},"results":[]}"#, Some("semgrep")),
            ("<?xml version=\"1.0\"?><coverage/>", Some("cobertura")),
            ("TN:\nSF:a.rs\n", Some("lcov")),
            ("<!DOCTYPE issues [<!ATTLIST issues burpVersion CDATA \"\">]><issues/>", Some("burp-xml")),
            ("<Benchmark xmlns=\"http://checklists.nist.gov/xccdf/1.2\"/>", Some("openscap")),
            ("<CxXMLResults/>", Some("checkmarx-xml")),
            (r#"{"ok":true,"packageManager":"npm","vulnerabilities":[]}"#, Some("snyk")),
            (r#"{"issues":[],"paging":{}}"#, Some("sonarqube")),
            (r#"{"results":[],"totalCount":0}"#, Some("checkmarx-json")),
            (r#"{"results":[]}"#, None),
            ("[]", None),
            ("<html/>", None),
            ("", None),
        ] {
            assert_eq!(looks_like(text), format, "{text}");
        }
    }
}
