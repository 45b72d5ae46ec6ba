//! `github-tls-off`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::{switches_checks_off, unchecked_servers};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-tls-off",
        severity: Severity::High,
        title: "a step does not check which server it talks to",
        why: "Anybody between the runner and the server can answer in its place, read what is sent and give other files.",
        remedy: "remove the option, and add the certificate of your authority or the key of the host to those that are trusted",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    look(&workflow.node, "the workflow", hits);
    for job in workflow.jobs() {
        look(job.node, &job.about(), hits);
        for step in job.steps() {
            look(step.node, &step.about(), hits);
            for (line, command) in step.script().map(unchecked_servers).unwrap_or_default() {
                hits.at(line, format!("{}: {command}", step.about()));
            }
        }
    }
}

fn look(node: &Marked, about: &str, hits: &mut Hits) {
    for (name, value) in node.get("env").into_iter().flat_map(Marked::entries) {
        if value.text().is_some_and(|text| switches_checks_off(name, text)) {
            hits.of(value, format!("{about}: {name}"));
        }
    }
}
