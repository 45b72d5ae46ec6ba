//! `github-cache-across-trust`.
//!
//! Caches that a run of the default branch writes are read by all branches
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching>).

use evidence::document::findings::Severity;

use super::Workflow;
use super::known::{takes_artifact_of_another_run, takes_foreign_files, uses_cache};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-cache-across-trust",
        severity: Severity::High,
        title: "a privileged job that runs foreign code writes the cache of the main branch",
        why: "The foreign code can put files into the cache that later builds of the main branch and its releases use.",
        remedy: "use no cache in this workflow",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if !workflow.is_privileged() {
        return;
    }
    for job in workflow.jobs() {
        let steps = job.steps();
        if steps.iter().any(|step| takes_foreign_files(step) || takes_artifact_of_another_run(step)) {
            for step in steps.iter().filter(|step| uses_cache(step)) {
                hits.of(step.node.get("uses").unwrap_or(step.node), step.about());
            }
        }
    }
}
