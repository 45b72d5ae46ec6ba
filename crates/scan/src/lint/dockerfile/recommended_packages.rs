//! `dockerfile-recommended-packages`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::packages::Packages;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-recommended-packages",
        severity: Severity::Low,
        title: "packages bring others that nobody asked for",
        why: "Each package that is not needed is one more thing to be attacked and updated.",
        remedy: "add `--no-install-recommends`",
        same: &["DL3015", "AVD-DS-0029"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all().filter(|command| is_wide(command)) {
            hits.at(command.line, command.shown());
        }
    }
}

fn is_wide(command: &Command) -> bool {
    let is_off = |word: &str| word.to_ascii_lowercase().contains("install-recommends=");
    let has_option = command
        .args()
        .iter()
        .any(|word| is_off(&word.text) || word.text.starts_with("--no-install-recommends"));
    Packages::of(command).is_some_and(|packages| packages.manager == "apt-get") && !has_option
}
