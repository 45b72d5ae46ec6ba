//! `script-traced-secret`.

use evidence::document::findings::Severity;

use super::Source;
use super::subject::Kind;
use crate::lint::plain_secret::is_secret_name;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-traced-secret",
        severity: Severity::Medium,
        title: "a trace prints a secret",
        why: "The shell prints each command with the values of its variables, and the log of the build keeps them.",
        remedy: "write `set +x` before the secret is used",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    if source.kind != Kind::Shell {
        return;
    }
    let first = source.text.lines().next().unwrap_or_default();
    let mut is_on = first.starts_with("#!")
        && first.split_whitespace().skip(1).any(|word| word.starts_with('-') && word.contains('x'));
    for command in &source.script.commands {
        match traces(command) {
            Some(switch) => is_on = switch,
            None if is_on => {
                if let Some(name) = secret(command) {
                    hits.at(command.line, name);
                }
            }
            None => {}
        }
    }
}

/// Whether a command switches the trace on or off.
fn traces(command: &Command) -> Option<bool> {
    if command.program() != "set" {
        return None;
    }
    let args: Vec<&str> = command.args().iter().map(|word| word.text.as_str()).collect();
    args.iter().enumerate().find_map(|(at, arg)| {
        let is_named = args.get(at + 1) == Some(&"xtrace");
        let letters = arg.get(1..).unwrap_or_default();
        let is_meant = letters.contains('x') || letters.ends_with('o') && is_named;
        match arg.chars().next() {
            Some('-') if is_meant => Some(true),
            Some('+') if is_meant => Some(false),
            _ => None,
        }
    })
}

/// A variable with a secret in a word that the trace prints.
fn secret(command: &Command) -> Option<&str> {
    let assigned = command.assigned.iter().map(|(_, word)| word);
    let mut variables = command.words.iter().chain(assigned).flat_map(|word| &word.variables);
    variables.find(|variable| is_secret_name(&variable.name)).map(|variable| variable.name.as_str())
}
