//! `dockerfile-fetch-into-shell`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::fetched_and_run;

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-fetch-into-shell",
        severity: Severity::High,
        title: "the build runs a script straight from the network",
        why: "Whoever controls that server, or its name, runs commands in the build and decides what the image holds.",
        remedy: "fetch a fixed version into a file, compare its checksum with one in this file, then run it",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for run in file.runs() {
        for (line, about) in fetched_and_run(&run.script) {
            hits.at(line, about);
        }
    }
}
