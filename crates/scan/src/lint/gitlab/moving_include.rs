//! `gitlab-moving-include`.
//!
//! <https://docs.gitlab.com/ci/yaml/#includeproject>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-moving-include",
        severity: Severity::Medium,
        title: "the pipeline includes a file that another project can change",
        why: "Everybody who may push to that project decides what this pipeline runs, with all its variables.",
        remedy: "write a commit as `ref`, or a component with a whole version",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for include in pipeline.includes() {
        if let Some(project) = include.text_at("project") {
            let reference = include.get("ref").and_then(Marked::text);
            // Without `ref` it is the head of the default branch.
            if reference.is_none_or(|reference| !reference.contains('$') && !is_fixed(reference)) {
                hits.of(include, format!("{project} at {}", reference.unwrap_or("its default branch")));
            }
        }
        if let Some(component) = include.text_at("component") {
            let version = component.rsplit_once('@').map(|(_, version)| version).unwrap_or_default();
            if !version.contains('$') && !is_fixed(version) {
                hits.of(include, component);
            }
        }
    }
}

/// Whether it is a commit, or a version with at least two numbers.
fn is_fixed(reference: &str) -> bool {
    let is_commit = reference.len() >= 40 && reference.chars().all(|letter| letter.is_ascii_hexdigit());
    let name = reference.rsplit('/').next().unwrap_or(reference);
    let numbers = name.strip_prefix('v').unwrap_or(name);
    let is_version = numbers.starts_with(|first: char| first.is_ascii_digit()) && numbers.contains('.');
    is_commit || is_version
}
