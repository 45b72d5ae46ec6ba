//! `github-unpinned-action`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::subject::Uses;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unpinned-action",
        severity: Severity::Medium,
        title: "an action or workflow of others is not pinned to a commit",
        why: "Its owner, or anybody who takes over the account, can move a branch or tag to other code, which then runs with your secrets.",
        remedy: "write the full commit behind `@`, and the version as a comment",
        same: &["zizmor/unpinned-uses"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        if let Some(uses) = job.uses() {
            look(&uses, &job.about(), hits);
        }
        for step in job.steps() {
            if let Some(uses) = step.uses() {
                look(&uses, &step.about(), hits);
            }
        }
    }
}

fn look(uses: &Uses<'_>, about: &str, hits: &mut Hits) {
    let is_commit = |reference: &str| {
        matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if !uses.reference.is_some_and(is_commit) {
        let reference = uses.reference.unwrap_or("no version");
        hits.of(uses.node, format!("{about}: {} at {reference}", uses.name));
    }
}
