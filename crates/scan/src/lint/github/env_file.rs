//! `github-env-file`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::inserted;
use super::known::{takes_artifact_of_another_run, takes_foreign_files};
use super::origin::{Origin, origin, origin_of_text};
use super::subject::Step;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::{Command, Word};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-env-file",
        severity: Severity::High,
        title: "text that anybody can choose is written to the environment of later steps",
        why: "A line break in it sets any variable, such as one that makes a later program load foreign code.",
        remedy: "give the text to the step that needs it by `env`, and write nothing of it to `GITHUB_ENV` or `GITHUB_PATH`",
        same: &["zizmor/github-env"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        let steps = job.steps();
        let mut has_foreign_files = false;
        for step in &steps {
            has_foreign_files |= takes_foreign_files(step) || takes_artifact_of_another_run(step);
            let reads_files = has_foreign_files && workflow.is_privileged();
            let Some(script) = step.script() else { continue };
            let all: Vec<&Command> = script.all().collect();
            for (at, command) in all.iter().enumerate().filter(|(_, command)| writes_environment(command)) {
                // Where a group is redirected, each command of it counts.
                let group = if command.words.is_empty() { all.get(..at).unwrap_or_default() } else { &[] };
                let feeds = |one: &&&Command| is_foreign(step, one) || reads_files && reads_file(one);
                if let Some(one) = group.iter().chain([command]).find(feeds) {
                    hits.at(one.line, step.about());
                }
            }
        }
    }
}

fn writes_environment(command: &Command) -> bool {
    let is_file = |word: &Word| {
        let text = word.text.to_ascii_uppercase();
        text.contains("GITHUB_ENV") || text.contains("GITHUB_PATH") || text.contains("ENV:GITHUB_ENV")
    };
    let is_redirected =
        command.redirects.iter().any(|redirect| redirect.operator.contains('>') && is_file(&redirect.word));
    is_redirected
        || matches!(command.program(), "tee" | "add-content" | "out-file")
            && command.args().iter().any(is_file)
}

/// Whether text that anybody can choose stands in a command.
fn is_foreign(step: &Step<'_>, command: &Command) -> bool {
    let is_one = |found| found == Some(Origin::Anybody);
    let by_variable = command.words.iter().flat_map(|word| &word.variables).any(|variable| {
        let value = step.variable(&variable.name).and_then(|value| value.text());
        value.is_some_and(|text| is_one(origin_of_text(&step.job, Some(step.node), text)))
    });
    let by_expression = || {
        let run = step.run();
        let text = run.and_then(|run| run.text()).unwrap_or_default();
        inserted(text).iter().any(|part| {
            let here = run.is_some_and(|run| step.job.workflow.line_of(run, part.source) == command.line);
            here && is_one(origin(&step.job, Some(step.node), &part.expression))
        })
    };
    by_variable || by_expression()
}

/// Whether a command writes what stands in a file.
fn reads_file(command: &Command) -> bool {
    let reads = |command: &Command| {
        matches!(command.program(), "cat" | "head" | "tail" | "jq" | "sed" | "awk" | "grep" | "unzip")
    };
    reads(command) || command.words.iter().flat_map(|word| &word.inner).any(reads)
}
