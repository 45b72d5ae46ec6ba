//! `github-wide-token`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-wide-token",
        severity: Severity::Medium,
        title: "the token may write everything",
        why: "Any step, and any package that it installs, can push code, publish releases and change issues.",
        remedy: "name each right that is needed below `permissions`, at the job that needs it",
        same: &["zizmor/excessive-permissions", "CKV2_GHA_1"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    look(&workflow.node, "the workflow".to_owned(), hits);
    for job in workflow.jobs() {
        look(job.node, job.about(), hits);
    }
}

fn look(node: &Marked, about: String, hits: &mut Hits) {
    if let Some(rights) = node.get("permissions").filter(|rights| rights.text() == Some("write-all")) {
        hits.of(rights, about);
    }
}
