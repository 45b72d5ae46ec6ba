//! `github-unsecure-commands`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unsecure-commands",
        severity: Severity::High,
        title: "commands that were taken out of use because they are not safe are allowed again",
        why: "Each line that a step prints can set variables and paths of later steps, so that a printed title takes over the job.",
        remedy: "remove `ACTIONS_ALLOW_UNSECURE_COMMANDS`, and write to `GITHUB_ENV` and `GITHUB_PATH`",
        same: &["zizmor/insecure-commands", "CKV_GHA_1"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    look(&workflow.node, "the workflow".to_owned(), hits);
    for job in workflow.jobs() {
        look(job.node, job.about(), hits);
        for step in job.steps() {
            look(step.node, step.about(), hits);
        }
    }
}

fn look(node: &Marked, about: String, hits: &mut Hits) {
    if let Some(switch) =
        node.at(&["env", "ACTIONS_ALLOW_UNSECURE_COMMANDS"]).filter(|switch| switch.is_true())
    {
        hits.of(switch, about);
    }
}
