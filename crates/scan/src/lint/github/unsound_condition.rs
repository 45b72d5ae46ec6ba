//! `github-unsound-condition`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::inserted;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unsound-condition",
        severity: Severity::Medium,
        title: "a condition is always true",
        why: "Text around `${{ }}`, or a line break behind it, makes a text of the whole, and a text that is not empty is true.",
        remedy: "write one expression without braces, or with one pair around all of it",
        same: &["zizmor/unsound-condition"],
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
    let Some((condition, text)) = node.get("if").and_then(|node| Some((node, node.text()?))) else { return };
    let is_one = match inserted(text).as_slice() {
        [] => true,
        [one] => one.source == text,
        _ => false,
    };
    if !is_one {
        hits.of(condition, about);
    }
}
