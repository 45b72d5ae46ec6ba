//! `gitlab-text-without-quotes`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-text-without-quotes",
        severity: Severity::Medium,
        title: "text that anybody may choose stands without quotes",
        why: "The shell splits it into words, so its author adds options and arguments to the command.",
        remedy: "put the variable in double quotes",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    let free = pipeline.chosen(FREE);
    for (job, script) in &pipeline.scripts {
        for command in script.all().filter(|command| !keeps_words(command)) {
            let variables =
                command.args().iter().filter(|word| !word.is_script).flat_map(|word| &word.variables);
            let mut bare =
                variables.filter(|variable| !variable.is_quoted && free.contains(&variable.name.as_str()));
            if let Some(variable) = bare.next() {
                hits.at(command.line, format!("{job}: {} in {}", variable.name, command.program()));
            }
        }
    }
}

/// Whether more words change nothing: it prints them, or the shell does not split them there.
fn keeps_words(command: &Command) -> bool {
    matches!(
        command.program(),
        "echo" | "printf" | "[[" | "export" | "local" | "declare" | "readonly" | "eval" | "case" | ""
    )
}

/// Predefined variables with free text. Names of branches have no spaces.
const FREE: &[&str] = &[
    "CI_COMMIT_MESSAGE",
    "CI_COMMIT_TITLE",
    "CI_COMMIT_DESCRIPTION",
    "CI_COMMIT_TAG_MESSAGE",
    "CI_COMMIT_AUTHOR",
    "CI_MERGE_REQUEST_TITLE",
    "CI_MERGE_REQUEST_DESCRIPTION",
    "GITLAB_USER_NAME",
];
