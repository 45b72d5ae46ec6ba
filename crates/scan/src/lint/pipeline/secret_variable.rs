//! `pipeline-secret-variable`.
//!
//! A secret is in a file of the step or the process anyway: docs/pipeline.md, "Secrets of a step".

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-secret-variable",
        severity: Severity::Low,
        title: "a secret is given in a variable",
        why: "Everything that the command starts inherits it, and programs tend to print their variables.",
        remedy: "leave `env` out, and read the file",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    let holders = description.steps().chain(description.services());
    for (holder, node) in holders {
        for (name, secret) in node.get("secrets").into_iter().flat_map(Marked::entries) {
            if let Some(variable) = secret.get("env").filter(|variable| !variable.is_null()) {
                hits.of(variable, format!("{holder}: {name}"));
            }
        }
    }
}
