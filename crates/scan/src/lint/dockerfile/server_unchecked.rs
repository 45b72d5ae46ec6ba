//! `dockerfile-server-unchecked`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::{switches_checks_off, unchecked_servers};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-server-unchecked",
        severity: Severity::High,
        title: "the build does not check which server answers",
        why: "Anybody on the way can give the build other files, and they end up in the image.",
        remedy: "remove the option, and add the missing certificate or host key instead",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for (line, about) in unchecked_servers(&run.script) {
            hits.at(line, about);
        }
    }
    for instruction in file.named("ENV").chain(file.named("ARG")) {
        for (name, value) in instruction.pairs() {
            // An argument without a value is not set.
            if value.is_some_and(|value| switches_checks_off(&name, &value)) {
                hits.at(instruction.line, name);
            }
        }
    }
}
