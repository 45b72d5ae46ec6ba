//! Reports of tools, by format. A new format is one file here and a row in the table. The page `docs/scan/reports.md`
//! says which parts of each format are read.
//!
//! Invariant: a report that says that its tool failed, or that is not whole, is an error; "could not be read" is never
//! "found nothing". A suppressed entry is a finding like the others.

mod bandit;
mod burp;
mod changes;
mod checkmarx;
mod checkov;
mod coverage;
pub(crate) mod cyclonedx;
mod dependency_check;
mod draft;
pub(crate) mod findings;
mod grype;
mod hadolint;
mod incomplete;
pub(crate) mod input;
mod inspec;
pub(crate) mod json;
mod junit;
mod kics;
mod looks;
mod npm_audit;
mod openscap;
mod osv_scanner;
mod path;
mod pip_audit;
pub(crate) mod purl;
mod sarif;
mod semgrep;
pub(crate) mod severity;
mod snyk;
mod sonarqube;
mod terrascan;
mod tfsec;
mod trivy;
mod vulnerabilities;
mod wapiti;
pub(crate) mod xml;
mod zap;

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use evidence::document::{
    ChangesDocument, CoverageDocument, DocumentKind, FindingsDocument, Listed, TestsDocument,
};
use serde::{Deserialize, Serialize};

pub use looks::looks_like;

use changes::{infracost, terraform_plan};
use coverage::{cobertura, lcov};

use crate::{ScanError, Tree};

/// Formats of reports, by their names in a pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportFormat {
    /// SARIF 2.1.0 of any tool.
    Sarif,
    /// `JUnit` XML of a test runner.
    Junit,
    /// JSON of OSV-Scanner.
    OsvScanner,
    /// JSON of Trivy.
    Trivy,
    /// JSON of Grype.
    Grype,
    /// CycloneDX JSON with vulnerabilities.
    CyclonedxJson,
    /// CycloneDX XML with vulnerabilities.
    CyclonedxXml,
    /// JSON of ZAP.
    ZapJson,
    /// XML of ZAP.
    ZapXml,
    /// JSON of Wapiti.
    Wapiti,
    /// Semgrep's own JSON.
    Semgrep,
    /// Bandit's own JSON.
    Bandit,
    /// JSON of pip-audit.
    PipAudit,
    /// JSON of `npm audit` of npm 7 and later.
    NpmAudit,
    /// JSON of Checkov.
    Checkov,
    /// JSON of hadolint.
    Hadolint,
    /// JSON of tfsec.
    Tfsec,
    /// JSON of KICS.
    Kics,
    /// JSON of Terrascan.
    Terrascan,
    /// JSON of `snyk test`.
    Snyk,
    /// JSON of OWASP Dependency-Check.
    DependencyCheck,
    /// JSON of SonarQube's web API: issues and hotspots.
    Sonarqube,
    /// XML of Checkmarx SAST.
    CheckmarxXml,
    /// JSON of Checkmarx One.
    CheckmarxJson,
    /// XML of Burp Suite.
    BurpXml,
    /// XCCDF results of OpenSCAP, and ARF around them.
    Openscap,
    /// JSON of InSpec.
    Inspec,
    /// Cobertura XML of a coverage tool.
    Cobertura,
    /// The tracefile of lcov.
    Lcov,
    /// JSON of a plan of Terraform or OpenTofu.
    TerraformPlan,
    /// JSON of Infracost.
    Infracost,
}

/// A canonical document, and the facts of it that a receipt states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// Kind of the document.
    pub kind: DocumentKind,
    /// Canonical bytes.
    pub document: Vec<u8>,
    /// Counts of the entries by sort.
    pub items: BTreeMap<String, u64>,
}

/// A row of the table.
struct Row {
    format: ReportFormat,
    name: &'static str,
    title: &'static str,
    read: Reader,
}

/// Readers, by the kind of document that they make.
enum Reader {
    Findings(fn(&str, &dyn Tree) -> Result<FindingsDocument, ScanError>),
    Tests(fn(&str) -> Result<TestsDocument, ScanError>),
    Coverage(fn(&str, &dyn Tree) -> Result<CoverageDocument, ScanError>),
    Changes(fn(&str) -> Result<ChangesDocument, ScanError>),
}

/// The table of formats.
const TABLE: &[Row] = &[
    row(ReportFormat::Sarif, "sarif", sarif::WHAT, Reader::Findings(sarif::read)),
    row(ReportFormat::Junit, "junit", junit::WHAT, Reader::Tests(junit::read)),
    row(ReportFormat::OsvScanner, "osv-scanner", osv_scanner::WHAT, Reader::Findings(osv_scanner::read)),
    row(ReportFormat::Trivy, "trivy", trivy::WHAT, Reader::Findings(trivy::read)),
    row(ReportFormat::Grype, "grype", grype::WHAT, Reader::Findings(grype::read)),
    row(
        ReportFormat::CyclonedxJson,
        "cyclonedx-json",
        cyclonedx::WHAT_JSON,
        Reader::Findings(cyclonedx::read_json),
    ),
    row(
        ReportFormat::CyclonedxXml,
        "cyclonedx-xml",
        cyclonedx::WHAT_XML,
        Reader::Findings(cyclonedx::read_xml),
    ),
    row(ReportFormat::ZapJson, "zap-json", zap::WHAT_JSON, Reader::Findings(zap::read_json)),
    row(ReportFormat::ZapXml, "zap-xml", zap::WHAT_XML, Reader::Findings(zap::read_xml)),
    row(ReportFormat::Wapiti, "wapiti", wapiti::WHAT, Reader::Findings(wapiti::read)),
    row(ReportFormat::Semgrep, "semgrep", semgrep::WHAT, Reader::Findings(semgrep::read)),
    row(ReportFormat::Bandit, "bandit", bandit::WHAT, Reader::Findings(bandit::read)),
    row(ReportFormat::PipAudit, "pip-audit", pip_audit::WHAT, Reader::Findings(pip_audit::read)),
    row(ReportFormat::NpmAudit, "npm-audit", npm_audit::WHAT, Reader::Findings(npm_audit::read)),
    row(ReportFormat::Checkov, "checkov", checkov::WHAT, Reader::Findings(checkov::read)),
    row(ReportFormat::Hadolint, "hadolint", hadolint::WHAT, Reader::Findings(hadolint::read)),
    row(ReportFormat::Tfsec, "tfsec", tfsec::WHAT, Reader::Findings(tfsec::read)),
    row(ReportFormat::Kics, "kics", kics::WHAT, Reader::Findings(kics::read)),
    row(ReportFormat::Terrascan, "terrascan", terrascan::WHAT, Reader::Findings(terrascan::read)),
    row(ReportFormat::Snyk, "snyk", snyk::WHAT, Reader::Findings(snyk::read)),
    row(
        ReportFormat::DependencyCheck,
        "dependency-check",
        dependency_check::WHAT,
        Reader::Findings(dependency_check::read),
    ),
    row(ReportFormat::Sonarqube, "sonarqube", sonarqube::WHAT, Reader::Findings(sonarqube::read)),
    row(
        ReportFormat::CheckmarxXml,
        "checkmarx-xml",
        checkmarx::WHAT_XML,
        Reader::Findings(checkmarx::read_xml),
    ),
    row(
        ReportFormat::CheckmarxJson,
        "checkmarx-json",
        checkmarx::WHAT_JSON,
        Reader::Findings(checkmarx::read_json),
    ),
    row(ReportFormat::BurpXml, "burp-xml", burp::WHAT, Reader::Findings(burp::read)),
    row(ReportFormat::Openscap, "openscap", openscap::WHAT, Reader::Findings(openscap::read)),
    row(ReportFormat::Inspec, "inspec", inspec::WHAT, Reader::Findings(inspec::read)),
    row(ReportFormat::Cobertura, "cobertura", cobertura::WHAT, Reader::Coverage(cobertura::read)),
    row(ReportFormat::Lcov, "lcov", lcov::WHAT, Reader::Coverage(lcov::read)),
    row(
        ReportFormat::TerraformPlan,
        "terraform-plan",
        terraform_plan::WHAT,
        Reader::Changes(terraform_plan::read),
    ),
    row(ReportFormat::Infracost, "infracost", infracost::WHAT, Reader::Changes(infracost::read)),
];

const fn row(format: ReportFormat, name: &'static str, title: &'static str, read: Reader) -> Row {
    Row { format, name, title, read }
}

impl ReportFormat {
    /// All formats.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.format)
    }

    /// The format of a name in a pipeline file.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.format)
    }

    /// The name in a pipeline file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The kind of document that a report of this format becomes.
    #[must_use]
    pub fn document_kind(self) -> DocumentKind {
        match self.row().map(|row| &row.read) {
            Some(Reader::Tests(_)) => DocumentKind::Tests,
            Some(Reader::Coverage(_)) => DocumentKind::Coverage,
            Some(Reader::Changes(_)) => DocumentKind::Changes,
            _ => DocumentKind::Findings,
        }
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.format == self)
    }
}

/// The source, seen by one report.
struct Reported<'a> {
    tree: &'a dyn Tree,
    origin: Origin<'a>,
}

impl Tree for Reported<'_> {
    fn text(&self, path: &str) -> Option<&str> {
        self.tree.text(path)
    }

    fn origin(&self) -> Origin<'_> {
        self.origin
    }
}

/// Turns a report into a canonical document. `origin` tells it apart from other reports.
///
/// # Errors
/// `ScanError` names the place and the cause: the bytes are not of this format, the report is not whole, its tool says
/// that it failed, or the document would be too large.
pub fn translate(
    format: ReportFormat,
    bytes: &[u8],
    tree: &dyn Tree,
    origin: Origin<'_>,
) -> Result<Translated, ScanError> {
    let Some(row) = format.row() else {
        return Err(ScanError::Format { what: "report", why: "the format has no reader".into() });
    };
    let text = input::decode(row.title, bytes)?;
    match row.read {
        Reader::Findings(read) => translated(&read(&text, &Reported { tree, origin })?),
        Reader::Tests(read) => translated(&read(&text)?),
        Reader::Coverage(read) => translated(&read(&text, tree)?),
        Reader::Changes(read) => translated(&read(&text)?),
    }
}

fn translated<D: Listed>(document: &D) -> Result<Translated, ScanError> {
    Ok(Translated { kind: D::KIND, document: document.encode()?, items: document.items() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_row() {
        for row in TABLE {
            assert_eq!(ReportFormat::named(row.name), Some(row.format));
            assert_eq!(serde_json::to_value(row.format).unwrap(), row.name);
            assert_eq!(row.format.as_str(), row.name);
        }
        assert_eq!(ReportFormat::named("cobol"), None);
        let top = r#"{"runs":[],"version":"2.1.0"}"#;
        assert_eq!(looks_like(top).and_then(ReportFormat::named), Some(ReportFormat::Sarif));
    }
}
