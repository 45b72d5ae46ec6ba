//! `gitlab-scan-off`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-scan-off",
        severity: Severity::Medium,
        title: "a security scan is switched off",
        why: "Changes get into use without anybody having looked for what it finds.",
        remedy: "remove the variable",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for variable in &pipeline.variables {
        let is_switch = SWITCHES.contains(&variable.name.as_str());
        if is_switch && matches!(variable.value.to_ascii_lowercase().as_str(), "true" | "1") {
            hits.at(variable.line, variable.name.clone());
        }
    }
}

/// Variables of GitLab's templates.
const SWITCHES: &[&str] = &[
    "SAST_DISABLED",
    "DAST_DISABLED",
    "SECRET_DETECTION_DISABLED",
    "DEPENDENCY_SCANNING_DISABLED",
    "CONTAINER_SCANNING_DISABLED",
    "API_FUZZING_DISABLED",
    "COVFUZZ_DISABLED",
    "LICENSE_MANAGEMENT_DISABLED",
];
