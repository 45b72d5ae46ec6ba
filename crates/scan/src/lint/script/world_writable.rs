//! `script-world-writable`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-world-writable",
        severity: Severity::Medium,
        title: "everybody on the machine may change a file",
        why: "Another user or a broken service replaces what this script, or a later one, runs or reads.",
        remedy: "give the right to write to the owner alone: `chmod u=rwX,go=rX`",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for command in source.script.all().filter(|command| opens(command)) {
        hits.at(command.line, command.shown());
    }
}

fn opens(command: &Command) -> bool {
    let named = |option: &str| command.values(option).any(is_open);
    match command.program() {
        "chmod" => command
            .args()
            .iter()
            .find(|word| {
                !word.text.starts_with("--") && !matches!(word.text.as_str(), "-R" | "-v" | "-f" | "-c")
            })
            .is_some_and(|mode| is_open(&mode.text)),
        "install" | "mkdir" => named("-m") || named("--mode"),
        "umask" => command
            .operands()
            .next()
            .is_some_and(|mask| matches!(mask.text.as_str(), "0" | "00" | "000" | "0000")),
        _ => false,
    }
}

/// Whether a mode lets everybody write. With the sticky bit, as `/tmp` has it, nobody can replace what others own.
fn is_open(mode: &str) -> bool {
    if mode.bytes().all(|digit| digit.is_ascii_digit()) {
        let bits = u32::from_str_radix(mode, 8).unwrap_or(0);
        return bits & 0o2 != 0 && bits & 0o1000 == 0;
    }
    mode.split(',').any(|part| {
        let Some(at) = part.find(['+', '=']) else { return false };
        let (whom, rights) = part.split_at(at);
        whom.contains(['o', 'a']) && rights.contains('w') && !rights.contains('t')
    })
}
