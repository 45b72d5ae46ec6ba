//! `dockerfile-shell-entrypoint`.
//!
//! <https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example>.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::subject::Form;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-shell-entrypoint",
        severity: Severity::Low,
        title: "the command of the image runs in a shell",
        why: "The shell does not hand on the signal to stop, so the service is killed in the middle of its work.",
        remedy: "write a list: `[\"program\", \"argument\"]`",
        same: &["DL3025"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    let Some(last) = file.last() else { return };
    for instruction in &last.instructions {
        let is_command = matches!(instruction.name.as_str(), "CMD" | "ENTRYPOINT");
        let text = instruction.text.trim();
        // With `exec` the program takes the place of the shell.
        let is_shell = instruction.form == Form::Shell && !text.is_empty() && !text.starts_with("exec ");
        if is_command && is_shell {
            hits.at(instruction.line, instruction.name.clone());
        }
    }
}
