//! `dockerfile-pipe-hides-failure`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::{Command, Joint};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-pipe-hides-failure",
        severity: Severity::Low,
        title: "a failure at the beginning of a pipe does not count",
        why: "The build goes on without the file that could not be fetched, and the image is incomplete.",
        remedy: "set `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]` before it",
        same: &["DL4006"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs().iter().filter(|run| !run.has_pipefail) {
        for command in run.script.all().filter(|command| command.joint == Joint::Pipe && can_fail(command)) {
            hits.at(command.line, command.shown());
        }
    }
}

/// Whether it does more than print what it was given.
fn can_fail(command: &Command) -> bool {
    !matches!(command.program(), "echo" | "printf" | "yes" | "true" | "set" | ":" | "")
}
