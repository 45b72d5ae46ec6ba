//! `dockerfile-update-alone`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-update-alone",
        severity: Severity::Low,
        title: "a step updates the lists of packages and installs nothing",
        why: "Its layer is kept, so later builds install old versions with known flaws.",
        remedy: "update and install in one RUN: `apt-get update && apt-get install ...`",
        same: &["CKV_DOCKER_5", "AVD-DS-0017"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        let commands: Vec<&Command> = run.script.all().collect();
        let mut others = commands.iter().filter(|command| !is_update(command) && !is_set(command));
        let update = commands.iter().find(|command| is_update(command));
        if let Some(update) = update.filter(|_| others.next().is_none()) {
            hits.at(update.line, update.shown());
        }
    }
}

fn is_update(command: &Command) -> bool {
    matches!(command.program(), "apt-get" | "apt" | "apk" | "aptitude")
        && command.operands().next().is_some_and(|word| word.text == "update")
}

fn is_set(command: &Command) -> bool {
    matches!(command.program(), "set" | "echo" | "")
}
