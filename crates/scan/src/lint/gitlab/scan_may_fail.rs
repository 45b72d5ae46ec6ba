//! `gitlab-scan-may-fail`.
//!
//! <https://docs.gitlab.com/ci/yaml/#allow_failure>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-scan-may-fail",
        severity: Severity::Medium,
        title: "a security scan may fail without an effect",
        why: "The pipeline goes on although the scan found something, or did not run at all.",
        remedy: "remove `allow_failure`; of a manual job write `allow_failure: false`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for job in pipeline.jobs.iter().filter(|job| !job.is_template() && job.is_scan(pipeline)) {
        let allowed = job.get("allow_failure");
        let is_manual = job.get("when").is_some_and(|when| when.text() == Some("manual"));
        match allowed {
            Some(node) if node.is_true() || node.is_map() => hits.of(node, job.name.clone()),
            // A manual job may fail unless it says otherwise.
            None if is_manual => hits.at(job.line, job.name.clone()),
            _ => {}
        }
    }
}
