//! Entries of the reports of more scanners, counted by the places where their formats have them, without the product.

use scan::reports::ReportFormat;
use serde_json::Value;

/// The number of entries.
pub fn of(format: ReportFormat, root: &Value) -> usize {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    match format {
        ReportFormat::Kics => {
            let queries = list(root, "queries");
            queries.iter().map(|query| list(query, "files").len()).sum()
        }
        ReportFormat::Terrascan => {
            let lists = ["violations", "skipped_violations"];
            lists.iter().map(|name| list(&root["results"], name).len()).sum()
        }
        ReportFormat::Snyk => {
            let projects = root.as_array().cloned().unwrap_or_else(|| vec![root.clone()]);
            let inner = projects.iter().flat_map(|project| list(project, "applications")).collect::<Vec<_>>();
            projects.iter().chain(&inner).map(|project| list(project, "vulnerabilities").len()).sum()
        }
        ReportFormat::DependencyCheck => {
            let dependencies = list(root, "dependencies");
            let of = |dependency: &Value| {
                list(dependency, "vulnerabilities").len()
                    + list(dependency, "suppressedVulnerabilities").len()
            };
            dependencies.iter().map(of).sum()
        }
        ReportFormat::Sonarqube => {
            let pages = root.as_array().cloned().unwrap_or_else(|| vec![root.clone()]);
            let issues =
                pages.iter().flat_map(|page| [list(page, "issues"), list(page, "hotspots")].concat());
            let is_gone = |issue: &Value| {
                let word = [&issue["resolution"], &issue["issueStatus"]];
                word.iter().any(|word| matches!(word.as_str(), Some("FIXED" | "REMOVED")))
            };
            issues.filter(|issue| !is_gone(issue)).count()
        }
        ReportFormat::Inspec => {
            let controls = list(root, "profiles")
                .iter()
                .flat_map(|profile| list(profile, "controls"))
                .collect::<Vec<_>>();
            let results = controls.iter().flat_map(|control| list(control, "results"));
            results.filter(|result| result["status"] != "passed").count()
        }
        _ => list(root, "results").len(),
    }
}
