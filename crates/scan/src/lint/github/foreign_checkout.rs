//! `github-foreign-checkout`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::known::takes_foreign_files;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-foreign-checkout",
        severity: Severity::Critical,
        title: "a job with secrets or a token that may write fetches code of anybody",
        why: "Building or testing it runs what a stranger wrote: their scripts, hooks and dependencies get all that the job has.",
        remedy: "build such code in a workflow for `pull_request`, and use this one only for what needs no code of it",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if !workflow.is_privileged() {
        return;
    }
    for step in workflow.steps().iter().filter(|step| takes_foreign_files(step)) {
        let node =
            step.with("ref").or_else(|| step.with("repository")).or_else(|| step.run()).unwrap_or(step.node);
        hits.of(node, step.about());
    }
}
