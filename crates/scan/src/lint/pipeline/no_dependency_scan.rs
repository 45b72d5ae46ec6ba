//! `pipeline-no-dependency-scan`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-no-dependency-scan",
        severity: Severity::Low,
        title: "no step says which packages are in the artifact",
        why: "No gate can refuse a package with a known flaw, and nobody finds where it runs.",
        remedy: "add a step with `scan: [components, dependencies]`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    if !description.is_pipeline() {
        return;
    }
    let has_scan = description.scans().any(|scan| matches!(scan, "components" | "dependencies"));
    let has_report = description.reports().any(|kind| REPORTS.contains(&kind));
    if let Some(node) = description.root.get("steps").filter(|_| !has_scan && !has_report) {
        hits.of(node, "steps");
    }
}

/// Reports that name packages or judge them.
const REPORTS: &[&str] =
    &["osv-scanner", "trivy", "grype", "cyclonedx-json", "cyclonedx-xml", "pip-audit", "npm-audit"];
