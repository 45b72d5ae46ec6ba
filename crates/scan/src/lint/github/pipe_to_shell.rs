//! `github-pipe-to-shell`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::fetched_and_run;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-pipe-to-shell",
        severity: Severity::Medium,
        title: "a script from the network is run unseen",
        why: "Anybody who controls the server, its domain or its account runs any command in the job, and with its secrets.",
        remedy: "download a fixed version, compare its checksum, and then run it",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        for (line, command) in step.script().map(fetched_and_run).unwrap_or_default() {
            hits.at(line, format!("{}: {command}", step.about()));
        }
    }
}
