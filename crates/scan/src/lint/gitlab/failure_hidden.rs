//! `gitlab-failure-hidden`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::hidden_failures;

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-failure-hidden",
        severity: Severity::Medium,
        title: "a failed test or scan does not count",
        why: "The pipeline goes on as if it had passed.",
        remedy: "let the command fail the job, or say with `allow_failure` for all to see that it may",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for (job, script) in &pipeline.scripts {
        for (line, about) in hidden_failures(script) {
            hits.at(line, format!("{job}: {about}"));
        }
    }
}
