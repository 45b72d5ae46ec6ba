//! `github-gate-skipped`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::Expression;
use super::known::delivers;
use super::subject::condition;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-gate-skipped",
        severity: Severity::Medium,
        title: "a delivery starts although a job that it needs failed",
        why: "The condition replaces the one that all needed jobs succeeded, so that failed tests and scans stop nothing.",
        remedy: "remove `always()` or `!cancelled()` from the condition, or add `needs.NAME.result == 'success'`",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        if job.node.get("needs").is_none() {
            continue;
        }
        let Some(condition) = condition(job.node).filter(runs_after_failure) else { continue };
        let asks = condition.any(|one| match one {
            Expression::Path(path) => path.starts_with("needs."),
            Expression::Call(name, _) => name == "success",
            _ => false,
        });
        let delivered = job.steps().iter().find_map(delivers);
        let what = delivered.or_else(|| job.node.get("environment").map(|_| "environment".to_owned()));
        if let Some(what) = what.filter(|_| !asks) {
            hits.of(job.node.get("if").unwrap_or(job.node), format!("{}: {what}", job.about()));
        }
    }
}

fn runs_after_failure(condition: &Expression) -> bool {
    condition.any(|one| match one {
        Expression::Call(name, _) => name == "always",
        Expression::Not(inner) => matches!(inner.as_ref(), Expression::Call(name, _) if name == "cancelled"),
        _ => false,
    })
}
