//! `pipeline-wide-exits`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-wide-exits",
        severity: Severity::Medium,
        title: "a step passes with many exit codes",
        why: "Some of them mean that the tool itself failed, and then a report that says nothing passes.",
        remedy: "list only the code with which the tool says that it found something",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    let steps = description.steps().map(|(name, step)| (name.to_owned(), step));
    let checks = description.services().flat_map(|(service, node)| {
        let checks = node.get("checks").into_iter().flat_map(Marked::entries);
        checks.map(move |(name, check)| (format!("{service}, check {name}"), check))
    });
    for (name, step) in steps.chain(checks) {
        let Some(codes) = step.get("report-exits").filter(|codes| codes.items().len() > CODES_MAX) else {
            continue;
        };
        hits.of(codes, format!("{name}: {} codes", codes.items().len()));
    }
}

/// Tools have one code for findings, some a second one for tests that could not run.
const CODES_MAX: usize = 2;
