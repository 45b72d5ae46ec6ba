//! `dockerfile-package-lists`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use super::subject::Flag;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-package-lists",
        severity: Severity::Low,
        title: "lists of packages stay in the image",
        why: "They make the image larger, and a later step installs old versions by them.",
        remedy: "end the same RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache there",
        same: &["DL3009"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        let last = run.stage + 1 == file.stages.len();
        let mounts = |flag: &Flag| {
            flag.name == "mount"
                && (flag.value.contains("/var/lib/apt") || flag.value.contains("=/var/cache/apt"))
        };
        if !last || run.flags.iter().any(mounts) {
            continue;
        }
        let removes = |command: &Command| {
            command.program() == "rm" && command.args().iter().any(|word| word.text.contains("/var/lib/apt"))
        };
        let is_update = |command: &Command| {
            matches!(command.program(), "apt-get" | "apt" | "aptitude") && command.has(&["update"])
        };
        if run.script.all().any(removes) {
            continue;
        }
        for command in run.script.all().filter(|command| is_update(command)) {
            hits.at(command.line, command.shown());
        }
    }
}
