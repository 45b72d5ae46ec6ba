//! `github-check-ignored`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::known::is_security_check;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::hidden_failures;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-check-ignored",
        severity: Severity::Medium,
        title: "a failed test or scan stops nothing",
        why: "The run succeeds whatever the check says, and weaknesses are delivered.",
        remedy: "remove `continue-on-error` and `|| true`; record accepted findings in the configuration of the scanner",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        let is_off = |node: &crate::lint::marked::Marked| {
            node.get("continue-on-error").is_some_and(|value| value.is_true())
        };
        let steps = job.steps();
        if is_off(job.node) && steps.iter().any(is_security_check) {
            hits.of(job.node.get("continue-on-error").unwrap_or(job.node), job.about());
        }
        for step in &steps {
            if is_off(step.node) && is_security_check(step) {
                hits.of(step.node.get("continue-on-error").unwrap_or(step.node), step.about());
            }
            for (line, command) in step.script().map(hidden_failures).unwrap_or_default() {
                hits.at(line, format!("{}: {command}", step.about()));
            }
        }
    }
}
