//! `pipeline-packages-beside-secrets`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-packages-beside-secrets",
        severity: Severity::Medium,
        title: "a step has secrets while it installs packages",
        why: "Code that the packages bring runs beside the secrets and can send them to where the step reaches.",
        remedy: "install the packages in a step before it, without secrets",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (name, step) in description.steps() {
        let has_secrets = step.get("secrets").is_some_and(|secrets| secrets.entries().next().is_some());
        let reached = step.get("network").map(Marked::items).unwrap_or_default();
        let packages =
            reached.iter().find(|place| place.text().is_some_and(|place| ECOSYSTEMS.contains(&place)));
        if let Some(place) = packages.filter(|_| has_secrets || step.get("database").is_some()) {
            hits.of(place, format!("{name}: {}", place.text().unwrap_or_default()));
        }
    }
}

/// Ecosystems of docs/pipeline.md.
const ECOSYSTEMS: &[&str] = &["cargo", "go", "npm", "pip"];
