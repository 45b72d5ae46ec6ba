//! `script-pipe-to-shell`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::fetched_and_run;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-pipe-to-shell",
        severity: Severity::Medium,
        title: "a script from the network is run unseen",
        why: "Anybody who controls the server, its domain or its account runs any command with the rights of this script.",
        remedy: "download a fixed version, compare its checksum, and then run it",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for (line, command) in fetched_and_run(&source.script) {
        hits.at(line, command);
    }
}
