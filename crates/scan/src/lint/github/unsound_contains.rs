//! `github-unsound-contains`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::Expression;
use super::subject::condition;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unsound-contains",
        severity: Severity::Medium,
        title: "a condition looks for a value within a text that lists several",
        why: "A part of a listed name also passes, such as a branch `mai` where `main` is meant.",
        remedy: "compare with `==`, or give a list: `contains(fromJSON('[\"a\", \"b\"]'), github.ref)`",
        same: &["zizmor/unsound-contains"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        look(job.node, job.about(), hits);
        for step in job.steps() {
            look(step.node, step.about(), hits);
        }
    }
}

fn look(node: &Marked, about: String, hits: &mut Hits) {
    if condition(node).is_some_and(|condition| condition.any(is_unsound)) {
        hits.of(node.get("if").unwrap_or(node), about);
    }
}

fn is_unsound(one: &Expression) -> bool {
    let Expression::Call(name, arguments) = one else { return false };
    let is_free = |path: &str| {
        let names = [
            "github.actor",
            "github.base_ref",
            "github.head_ref",
            "github.ref",
            "github.ref_name",
            "github.triggering_actor",
        ];
        names.contains(&path) || path.starts_with("github.event.") || path.starts_with("inputs.")
    };
    name == "contains"
        && matches!(arguments.as_slice(), [Expression::Literal(_), Expression::Path(path)] if is_free(path))
}
