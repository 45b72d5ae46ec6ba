//! `pipeline-plain-network`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::plain_fetches;

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-plain-network",
        severity: Severity::Medium,
        title: "a step reaches a host without encryption",
        why: "Anybody on the way can read and change what it sends and gets.",
        remedy: "name the port of a service with TLS, such as 443",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (name, step) in description.steps() {
        for place in step.get("network").map(Marked::items).unwrap_or_default() {
            let text = place.text().unwrap_or_default();
            if text.ends_with(":80") || text.ends_with(":21") {
                hits.of(place, format!("{name}: {text}"));
            }
        }
    }
    for (step, script) in &description.scripts {
        for (line, about) in plain_fetches(script) {
            hits.at(line, format!("{step}: {about}"));
        }
    }
}
