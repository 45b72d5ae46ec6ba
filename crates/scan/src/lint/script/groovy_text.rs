//! `script-groovy-text`.

use evidence::document::findings::Severity;

use super::Source;
use super::subject::Kind;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-groovy-text",
        severity: Severity::High,
        title: "text that others can choose becomes part of a command",
        why: "Groovy puts a parameter or the name of a branch into the text, and the shell runs a command that stands in it.",
        remedy: "write the text in single quotes, and let the shell read the variable: `\"$CHANGE_BRANCH\"`",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    if source.kind != Kind::Jenkins {
        return;
    }
    for (name, line) in source.steps.iter().flat_map(|step| &step.inserted) {
        if is_foreign(name) {
            hits.at(*line, name.as_str());
        }
    }
}

fn is_foreign(name: &str) -> bool {
    let name = name.trim();
    let variable = name.strip_prefix("env.").unwrap_or(name).trim_end_matches('.');
    name.starts_with("params.") || name.starts_with("params[") || FOREIGN.contains(&variable)
}

/// Variables whose value the author of a change chooses (<https://www.jenkins.io/doc/book/pipeline/multibranch/>).
const FOREIGN: &[&str] = &[
    "BRANCH_NAME",
    "CHANGE_AUTHOR_DISPLAY_NAME",
    "CHANGE_BRANCH",
    "CHANGE_FORK",
    "CHANGE_TITLE",
    "GIT_BRANCH",
    "TAG_NAME",
    "ghprbPullLongDescription",
    "ghprbPullTitle",
    "ghprbSourceBranch",
];
