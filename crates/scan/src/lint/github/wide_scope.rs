//! `github-wide-scope`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-wide-scope",
        severity: Severity::Low,
        title: "every job may write what one of them needs to write",
        why: "The jobs that build and test run foreign code, and can use the right as well.",
        remedy: "move the right to write from the workflow to the job that needs it",
        same: &["zizmor/excessive-permissions"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    let jobs = workflow.jobs();
    let inherits = jobs.iter().filter(|job| job.node.get("permissions").is_none()).count();
    if jobs.len() < 2 || inherits == 0 {
        return;
    }
    for (right, node) in workflow.node.get("permissions").into_iter().flat_map(Marked::entries) {
        if node.text() == Some("write") {
            hits.of(node, format!("{right}, {} jobs", jobs.len()));
        }
    }
}
