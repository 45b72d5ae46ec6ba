//! `pipeline-failure-hidden`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::hidden_failures;

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-failure-hidden",
        severity: Severity::Medium,
        title: "a failed test or scan does not count",
        why: "The step passes, its receipt says so, and the gate never hears of the failure.",
        remedy: "let the command fail the step; a scanner that found something has its code in `report-exits`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (step, script) in &description.scripts {
        for (line, about) in hidden_failures(script) {
            hits.at(line, format!("{step}: {about}"));
        }
    }
}
