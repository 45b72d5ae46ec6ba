//! `github-secrets-inherit`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-secrets-inherit",
        severity: Severity::Medium,
        title: "a called workflow gets all secrets",
        why: "It needs a few of them, but anybody who changes it can use every one.",
        remedy: "name each secret that it needs below `secrets`",
        same: &["zizmor/secrets-inherit"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        if let Some(node) = job.node.get("secrets").filter(|node| node.text() == Some("inherit")) {
            hits.of(node, job.about());
        }
    }
}
