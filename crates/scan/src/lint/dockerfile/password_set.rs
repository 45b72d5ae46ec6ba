//! `dockerfile-password-set`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::{Command, pipes};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-password-set",
        severity: Severity::High,
        title: "a password is set in the build",
        why: "It is the same in every copy of the image, and everybody who can pull the image reads it.",
        remedy: "set no password; let accounts be used by a key or not at all",
        same: &["CKV2_DOCKER_17"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for list in run.script.lists() {
            for pipe in pipes(list) {
                let sets = pipe.last().is_some_and(|last| matches!(last.program(), "chpasswd" | "passwd"));
                let given = pipe.first().filter(|first| sets && matches!(first.program(), "echo" | "printf"));
                if let Some(first) = given.filter(|first| is_literal(first)) {
                    hits.secret_at(
                        first.line,
                        pipe.last().map(|last| last.program().to_owned()).unwrap_or_default(),
                    );
                }
            }
            for command in list.iter().filter(|command| has_password(command)) {
                hits.secret_at(command.line, command.program().to_owned());
            }
        }
    }
}

fn is_literal(command: &Command) -> bool {
    command
        .args()
        .iter()
        .any(|word| !word.text.starts_with('-') && !word.text.contains('$') && !word.text.contains('`'))
}

fn has_password(command: &Command) -> bool {
    let is_account = matches!(command.program(), "useradd" | "usermod");
    let values: Vec<&str> = command.values("-p").chain(command.values("--password")).collect();
    is_account && values.iter().any(|value| !value.is_empty() && !value.starts_with(['$', '!', '*']))
}
