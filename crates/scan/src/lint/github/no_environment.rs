//! `github-no-environment`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::known::deploys;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-no-environment",
        severity: Severity::Low,
        title: "a deployment has no environment",
        why: "Any run of the branch can deploy: no reviewer, branch rule or secret of an environment stands before it.",
        remedy: "add `environment` to the job, and protect the environment with reviewers and branches",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if workflow.is_action {
        return;
    }
    for job in workflow.jobs().iter().filter(|job| job.node.get("environment").is_none()) {
        if let Some(step) = job.steps().iter().find(|step| deploys(step).is_some()) {
            let what = deploys(step).unwrap_or_default();
            hits.of(
                step.node.get("uses").or_else(|| step.run()).unwrap_or(step.node),
                format!("{}: {what}", step.about()),
            );
        }
    }
}
