//! `gitlab-secret-value`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::plain_secret::{is_literal_secret, is_secret_name};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-secret-value",
        severity: Severity::High,
        title: "a secret stands in the file",
        why: "Everybody who can read the repository reads it, and it stays in the history.",
        remedy: "make it a masked and protected variable in the settings of the project, or use `secrets`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for variable in &pipeline.variables {
        if is_secret_name(&variable.name) && is_literal_secret(&variable.value) {
            hits.secret_at(variable.line, variable.name.clone());
        }
    }
}
