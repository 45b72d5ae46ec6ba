//! `gitlab-remote-include`.
//!
//! <https://docs.gitlab.com/ci/yaml/#includeintegrity>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-remote-include",
        severity: Severity::High,
        title: "the pipeline includes a file from an address without its checksum",
        why: "Whoever controls that server decides what the pipeline runs, with all its variables.",
        remedy: "add `integrity: sha256-...`, or include a file of a project at a commit",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for include in pipeline.includes() {
        let address = include.text_at("remote").or_else(|| include.text()).unwrap_or_default();
        let lower = address.to_ascii_lowercase();
        let is_remote =
            include.get("remote").is_some() || lower.starts_with("http://") || lower.starts_with("https://");
        let is_checked =
            include.get("integrity").is_some_and(|digest| digest.text().is_some_and(|text| !text.is_empty()));
        if is_remote && !is_checked {
            hits.of(include, address);
        }
    }
}
