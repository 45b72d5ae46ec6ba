//! `gitlab-public-artifacts`.
//!
//! <https://docs.gitlab.com/ci/yaml/#artifactsaccess>: without it everybody has access who sees the job.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::secrets::file_rule;

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-public-artifacts",
        severity: Severity::Medium,
        title: "files that may hold secrets can be fetched by everybody",
        why: "Of a public project everybody can download them, and of others every member.",
        remedy: "write `access: maintainer` or `access: none`, or leave such files out",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for job in &pipeline.jobs {
        let Some(artifacts) = job.own("artifacts") else { continue };
        let is_closed = artifacts.get("public").is_some_and(Marked::is_false)
            || artifacts.text_at("access").is_some_and(|access| access != "all");
        let paths = artifacts.get("paths").map(Marked::items).unwrap_or_default();
        for path in paths.iter().filter(|_| !is_closed) {
            let text = path.text().unwrap_or_default();
            if is_secret(text) {
                hits.of(path, format!("{}: {text}", job.name));
            }
        }
        let untracked = artifacts.get("untracked").filter(|node| node.is_true() && !is_closed);
        if let Some(node) = untracked {
            hits.of(node, format!("{}: all files that git does not know", job.name));
        }
    }
}

/// Whether files of this name hold secrets. Plans of Terraform hold every value in clear.
fn is_secret(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_plan = name.ends_with(".tfplan") || matches!(name, "tfplan" | "plan.cache" | "plan.tfplan");
    is_plan || file_rule(path).is_some() || matches!(name, "kubeconfig" | ".npmrc")
}
