//! `github-credentials-uploaded`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::credentials_kept::keeps_token;
use super::subject::Step;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-credentials-uploaded",
        severity: Severity::High,
        title: "an artifact holds the token of the job",
        why: "Everybody who can read the run can download the artifact, and use the token while the job still runs.",
        remedy: "add `persist-credentials: false` to the checkout, and upload only the files that are needed",
        same: &["zizmor/artipacked"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        let steps = job.steps();
        let first = steps.iter().position(|step| keeps_token(step) && step.with("path").is_none());
        for step in steps.get(first.map_or(steps.len(), |at| at + 1)..).unwrap_or_default() {
            if uploads_all(step) {
                hits.of(step.with("path").unwrap_or(step.node), step.about());
            }
        }
    }
}

/// Whether it uploads the configuration of git. From version 4.4 on, files whose names begin with a dot are left out by default
/// (<https://github.com/actions/upload-artifact#uploading-hidden-files>).
fn uploads_all(step: &Step<'_>) -> bool {
    let Some(uses) = step.uses().filter(|uses| uses.name == "actions/upload-artifact") else { return false };
    let is_old = uses.reference.is_some_and(|tag| {
        ["v1", "v2", "v3"].iter().any(|old| tag == *old || tag.starts_with(&format!("{old}.")))
    });
    let has_hidden = is_old || step.with("include-hidden-files").is_some_and(|value| value.is_true());
    let paths = step.with("path").and_then(|path| path.text()).unwrap_or_default();
    let is_all = |path: &str| {
        let path = path.trim().trim_end_matches(['/', '*']);
        ALL.contains(&path) || path == ".git" || path == "./.git"
    };
    has_hidden && paths.lines().any(is_all)
}

const ALL: &[&str] = &["", ".", "${{ github.workspace }}", "${{github.workspace}}"];
