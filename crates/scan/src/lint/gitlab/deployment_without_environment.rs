//! `gitlab-deployment-without-environment`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-deployment-without-environment",
        severity: Severity::Low,
        title: "a deployment names no environment",
        why: "Protected environments, their approvals and the list of deployments do not apply to it.",
        remedy: "add `environment:` with the name of where it deploys to",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for job in pipeline.jobs.iter().filter(|job| job.is_deployment() && job.is_whole) {
        if job.get("environment").is_none() && job.get("trigger").is_none() {
            hits.at(job.line, job.name.clone());
        }
    }
}
