//! `dockerfile-upgrade`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-upgrade",
        severity: Severity::Low,
        title: "the build upgrades all packages",
        why: "What the image holds then depends on the day of the build.",
        remedy: "take a newer base image by its digest",
        same: &["DL3005", "AVD-DS-0024"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for command in run.script.all().filter(|command| is_upgrade(command)) {
            hits.at(command.line, command.shown());
        }
    }
}

fn is_upgrade(command: &Command) -> bool {
    let verbs: &[&str] = match command.program() {
        "apt-get" | "apt" | "aptitude" => &["upgrade", "dist-upgrade", "full-upgrade"],
        "apk" => &["upgrade"],
        "yum" | "dnf" | "microdnf" => &["update", "upgrade"],
        "zypper" => &["update", "up", "dist-upgrade", "dup"],
        _ => return false,
    };
    let mut operands = command.operands();
    let verb = operands.next().is_some_and(|word| verbs.contains(&word.text.as_str()));
    // With names behind it, it upgrades only these packages.
    verb && operands.next().is_none()
}
