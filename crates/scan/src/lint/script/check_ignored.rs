//! `script-check-ignored`.

use evidence::document::findings::Severity;

use super::Source;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::hidden_failures;

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-check-ignored",
        severity: Severity::Medium,
        title: "a failed test or scan stops nothing",
        why: "The script succeeds whatever the check says, and weaknesses are delivered.",
        remedy: "remove `|| true`; record accepted findings in the configuration of the check",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    for (line, command) in hidden_failures(&source.script) {
        hits.at(line, command);
    }
}
