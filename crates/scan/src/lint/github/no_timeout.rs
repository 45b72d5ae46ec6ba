//! `github-no-timeout`.
//!
//! The limit is 360 minutes by default, and a job that calls a workflow cannot set one
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idtimeout-minutes>).

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-no-timeout",
        severity: Severity::Low,
        title: "a job has no time limit",
        why: "A step that hangs, or that mines for others, runs for the six hours after which GitHub ends it.",
        remedy: "add `timeout-minutes` to the job",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if workflow.is_action {
        return;
    }
    for job in workflow.jobs() {
        let steps = job.steps();
        let is_limited = steps.iter().all(|step| step.node.get("timeout-minutes").is_some());
        if job.node.get("timeout-minutes").is_none() && !is_limited {
            hits.of(job.node, job.about());
        }
    }
}
