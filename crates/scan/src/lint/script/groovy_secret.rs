//! `script-groovy-secret`.
//!
//! Groovy's texts and credentials: <https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#string-interpolation>.

use evidence::document::findings::Severity;

use super::Source;
use super::subject::Kind;
use crate::lint::plain_secret::is_secret_name;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-groovy-secret",
        severity: Severity::Medium,
        title: "a secret becomes part of the text of a command",
        why: "Groovy puts its value into the command, where the list of processes shows it and Jenkins may not hide it in the log.",
        remedy: "write the text in single quotes, so that the shell reads the variable",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    if source.kind != Kind::Jenkins {
        return;
    }
    for (name, line) in source.steps.iter().flat_map(|step| &step.inserted) {
        let variable = name.trim().trim_start_matches("env.").trim_end_matches('.');
        let is_variable = variable.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if is_variable && is_secret_name(variable) {
            hits.at(*line, variable);
        }
    }
}
