//! `pipeline-wide-network`.
//!
//! A place for every host, such as `*`, is refused by the format.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-wide-network",
        severity: Severity::Medium,
        title: "a step reaches many hosts",
        why: "Code that it fetches can send what it sees to each of them, and find one that answers with something else.",
        remedy: "name only what this step needs, and fetch different things in different steps",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (name, step) in description.steps() {
        let network = step.get("network");
        let count = |key: &str| step.get(key).map(Marked::items).unwrap_or_default().len();
        let reached = count("network") + count("connect");
        if let Some(node) = network.or_else(|| step.get("connect")).filter(|_| reached > REACHED_MAX) {
            hits.of(node, format!("{name}: {reached} places"));
        }
    }
}

/// More than these are more than one purpose.
const REACHED_MAX: usize = 6;
