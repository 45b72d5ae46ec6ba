//! axe-core, the engine of accessibility rules, on the open page.

use std::fs;

use serde_json::Value;

use crate::chromium::Chromium;
use crate::settings;

/// Serious and critical findings, one line each: rule, element, reason.
pub async fn findings(page: &Chromium) -> Vec<String> {
    let source = fs::read_to_string(settings::axe()).unwrap();
    page.value(&format!("{source}; undefined")).await;
    let results = page.value("axe.run(document, { resultTypes: ['violations'] })").await;
    let passes = results["passes"].as_array().map_or(0, Vec::len);
    assert!(passes > 0, "axe looked at nothing: {results}");
    let rules = results["violations"].as_array().cloned().unwrap_or_default();
    rules.iter().filter(|rule| is_heavy(rule)).flat_map(lines).collect()
}

fn is_heavy(rule: &Value) -> bool {
    // A finding whose impact axe does not know counts.
    !matches!(rule["impact"].as_str(), Some("minor" | "moderate"))
}

fn lines(rule: &Value) -> Vec<String> {
    let nodes = rule["nodes"].as_array().cloned().unwrap_or_default();
    let line = |node: &Value| {
        let reason = node["failureSummary"].as_str().unwrap_or_default().replace('\n', " ");
        format!("{} ({}) at {}: {reason}", rule["id"], rule["impact"], node["target"])
    };
    nodes.iter().map(line).collect()
}
