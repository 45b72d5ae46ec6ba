//! `dockerfile-setuid`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::mode::Mode;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-setuid",
        severity: Severity::Medium,
        title: "a program gets the rights of its owner when it is run",
        why: "A process without rights becomes root through it, if the program has a flaw.",
        remedy: "remove the bit, and run the service as an account that has what it needs",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all().filter(|command| sets(command)) {
            hits.at(command.line, command.shown());
        }
    }
    for instruction in file.named("COPY").chain(file.named("ADD")) {
        let mode = instruction.flag("chmod").unwrap_or_default();
        if Mode::of(mode).is_some_and(|mode| mode.is_setuid()) {
            hits.at(instruction.line, format!("{} --chmod={mode}", instruction.name));
        }
    }
}

fn sets(command: &Command) -> bool {
    match command.program() {
        "chmod" => command
            .operands()
            .next()
            .and_then(|word| Mode::of(&word.text))
            .is_some_and(|mode| mode.is_setuid()),
        "install" => command
            .values("-m")
            .chain(command.values("--mode"))
            .filter_map(Mode::of)
            .any(|mode| mode.is_setuid()),
        _ => false,
    }
}
