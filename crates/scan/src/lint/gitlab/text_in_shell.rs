//! `gitlab-text-in-shell`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::{Command, Word, is_shell, pipes};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-text-in-shell",
        severity: Severity::High,
        title: "text that anybody may choose becomes code",
        why: "The author of a commit, branch or merge request writes commands into it that run with the variables of the job.",
        remedy: "use the variable in quotes as an argument, and never in a text for `eval`, `sh -c` or another interpreter",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    let chosen = pipeline.chosen(CHOSEN);
    for (job, script) in &pipeline.scripts {
        for command in script.all() {
            let code = code_of(command).into_iter().flat_map(|word| &word.variables);
            if let Some(variable) = code.into_iter().find(|variable| chosen.contains(&variable.name.as_str()))
            {
                hits.at(command.line, format!("{job}: {} in {}", variable.name, command.program()));
            }
        }
        for pipe in script.lists().into_iter().flat_map(pipes) {
            let [.., last] = pipe else { continue };
            let given = pipe.iter().flat_map(|command| &command.words).flat_map(|word| &word.variables);
            let mut given = given.filter(|variable| chosen.contains(&variable.name.as_str()));
            if let Some(variable) = given
                .next()
                .filter(|_| pipe.len() > 1 && is_shell(last.program()) && last.operands().next().is_none())
            {
                hits.at(last.line, format!("{job}: {} in {}", variable.name, last.program()));
            }
        }
    }
}

/// Arguments that a command takes as code.
fn code_of(command: &Command) -> Vec<&Word> {
    let args = command.args();
    match command.program() {
        "eval" => args.iter().collect(),
        // It hands its words to the shell of the other machine.
        "ssh" => args.iter().skip(1).collect(),
        program => {
            let is_interpreter =
                program.starts_with("python") || matches!(program, "node" | "ruby" | "perl" | "php");
            let behind = |pair: &'_ [Word]| matches!(pair, [option, _] if matches!(option.text.as_str(), "-c" | "-e" | "-r"));
            let own =
                args.windows(2).filter(|pair| is_interpreter && behind(pair)).filter_map(|pair| pair.get(1));
            // A shell may stand behind other words: `docker run IMAGE sh -c ...`.
            let inner = args.windows(3).filter(|three| matches!(three, [shell, option, _] if is_shell(&shell.text) && option.text.ends_with('c')));
            let inner = inner.filter_map(|three| three.get(2));
            args.iter().filter(|word| word.is_script).chain(own).chain(inner).collect()
        }
    }
}

/// Predefined variables that authors of commits, branches and merge requests choose
/// (<https://docs.gitlab.com/ci/variables/predefined_variables/>).
const CHOSEN: &[&str] = &[
    "CI_COMMIT_MESSAGE",
    "CI_COMMIT_TITLE",
    "CI_COMMIT_DESCRIPTION",
    "CI_COMMIT_TAG_MESSAGE",
    "CI_COMMIT_AUTHOR",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_REF_NAME",
    "CI_COMMIT_TAG",
    "CI_MERGE_REQUEST_TITLE",
    "CI_MERGE_REQUEST_DESCRIPTION",
    "CI_MERGE_REQUEST_LABELS",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    "GITLAB_USER_NAME",
];
