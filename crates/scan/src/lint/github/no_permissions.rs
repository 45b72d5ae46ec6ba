//! `github-no-permissions`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-no-permissions",
        severity: Severity::Low,
        title: "nothing limits the token of a job",
        why: "It has the rights that the repository gives by default, which often are those to write everything.",
        remedy: "add `permissions: {}` to the workflow, and to each job what it needs",
        same: &["zizmor/excessive-permissions"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    // The caller of a workflow decides what its token may do.
    let is_called_only = workflow.triggers.iter().all(|trigger| trigger == "workflow_call");
    if workflow.is_action || is_called_only {
        return;
    }
    for job in workflow.jobs().iter().filter(|job| job.permissions().is_none()) {
        hits.of(job.node, job.about());
    }
}
