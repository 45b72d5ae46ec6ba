//! `gitlab-deployment-everywhere`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-deployment-everywhere",
        severity: Severity::Medium,
        title: "a deployment runs for every branch",
        why: "Somebody who may push to any branch deploys it, without a review.",
        remedy: "add `rules` with the branch, such as `if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    // Rules of the workflow may restrict all jobs.
    if pipeline.root.at(&["workflow", "rules"]).is_some() {
        return;
    }
    for job in pipeline.jobs.iter().filter(|job| job.is_deployment() && job.is_whole) {
        let is_bound = ["rules", "only", "except"].iter().any(|key| job.get(key).is_some());
        let waits = job.get("when").is_some_and(|when| {
            when.text().is_some_and(|when| matches!(when, "manual" | "never" | "on_failure"))
        });
        if !is_bound && !waits {
            hits.at(job.line, job.name.clone());
        }
    }
}
