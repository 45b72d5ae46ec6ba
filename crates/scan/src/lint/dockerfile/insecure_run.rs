//! `dockerfile-insecure-run`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-insecure-run",
        severity: Severity::High,
        title: "a step of the build runs without a sandbox",
        why: "Its commands, and all that they fetch, have every right on the machine that builds.",
        remedy: "remove `--security=insecure`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for instruction in file.named("RUN").filter(|run| run.flag("security") == Some("insecure")) {
        hits.at(instruction.line, "RUN --security=insecure");
    }
}
