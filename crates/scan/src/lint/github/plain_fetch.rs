//! `github-plain-fetch`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::plain_fetches;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-plain-fetch",
        severity: Severity::Medium,
        title: "a step fetches files over a connection that is not encrypted",
        why: "Anybody between the runner and the server can give other files.",
        remedy: "write `https://`",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        for (line, command) in step.script().map(plain_fetches).unwrap_or_default() {
            hits.at(line, format!("{}: {command}", step.about()));
        }
    }
}
