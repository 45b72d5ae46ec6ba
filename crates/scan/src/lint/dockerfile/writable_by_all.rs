//! `dockerfile-writable-by-all`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::mode::Mode;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-writable-by-all",
        severity: Severity::Medium,
        title: "a file can be changed by everybody",
        why: "Any process in the container can replace a program or a setting that another account uses.",
        remedy: "give rights to the one account that needs them, such as `chmod 755` or `COPY --chown`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all().filter(|command| opens(command)) {
            hits.at(command.line, command.shown());
        }
    }
    for instruction in file.named("COPY").chain(file.named("ADD")) {
        let mode = instruction.flag("chmod").unwrap_or_default();
        if Mode::of(mode).is_some_and(|mode| mode.is_writable_by_all()) {
            hits.at(instruction.line, format!("{} --chmod={mode}", instruction.name));
        }
    }
}

/// Directories of temporary files are writable by all, with a sticky bit.
fn opens(command: &Command) -> bool {
    let writable = |mode: Mode| mode.is_writable_by_all() && !mode.is_sticky();
    match command.program() {
        "chmod" => {
            let mut operands = command.operands();
            let mode = operands.next().and_then(|word| Mode::of(&word.text));
            let is_temporary = |path: &str| matches!(path.trim_end_matches('/'), "/tmp" | "/var/tmp");
            mode.is_some_and(writable) && !operands.all(|word| is_temporary(&word.text))
        }
        "install" | "mkdir" => {
            let modes = command.values("-m").chain(command.values("--mode"));
            modes.filter_map(Mode::of).any(writable)
        }
        _ => false,
    }
}
