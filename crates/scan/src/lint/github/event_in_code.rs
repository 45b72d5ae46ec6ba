//! `github-event-in-code`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::inserted;
use super::known::code;
use super::origin::{Origin, origin};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-event-in-code",
        severity: Severity::High,
        title: "text that anybody can choose becomes part of a script",
        why: "A title, branch or message such as `$(...)` is run by the shell, with the secrets and the token of the job.",
        remedy: "give it to the step by `env`, and let the script read the variable in quotes",
        same: &["zizmor/template-injection", "CKV_GHA_2"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    insertions(workflow, Origin::Anybody, hits);
}

/// Each expression in code, once for each step, whose text these people can choose.
pub(super) fn insertions(workflow: &Workflow, by: Origin, hits: &mut Hits) {
    for step in workflow.steps() {
        let Some(node) = code(&step) else { continue };
        let mut seen = std::collections::BTreeSet::new();
        for part in inserted(node.text().unwrap_or_default()) {
            if origin(&step.job, Some(step.node), &part.expression) == Some(by) && seen.insert(part.source) {
                hits.at(workflow.line_of(node, part.source), format!("{}: {}", step.about(), part.source));
            }
        }
    }
}
