//! `pipeline-pipe-hides-failure`.
//!
//! Scripts run in `/bin/sh -eu`, without `pipefail`: docs/pipeline.md.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::piped_checks;

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-pipe-hides-failure",
        severity: Severity::Medium,
        title: "a test or scan is piped into another program",
        why: "Only the exit code of the last program counts, so the step passes when the test fails.",
        remedy: "write its output into a file, and print that afterwards",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (step, script) in description.scripts.iter().filter(|(_, script)| !script.has_pipefail()) {
        for (line, about) in piped_checks(script) {
            hits.at(line, format!("{step}: {about}"));
        }
    }
}
