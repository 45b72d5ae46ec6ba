//! `gitlab-debug-trace`.
//!
//! <https://docs.gitlab.com/ci/variables/variables_troubleshooting/#enable-debug-logging>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-debug-trace",
        severity: Severity::High,
        title: "every variable is printed into the log",
        why: "Everybody who can read the log reads every secret of the job.",
        remedy: "remove `CI_DEBUG_TRACE` and `CI_DEBUG_SERVICES`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for variable in &pipeline.variables {
        let is_debug = matches!(variable.name.as_str(), "CI_DEBUG_TRACE" | "CI_DEBUG_SERVICES");
        if is_debug && matches!(variable.value.to_ascii_lowercase().as_str(), "true" | "1") {
            hits.at(variable.line, variable.name.clone());
        }
    }
}
