//! `pipeline-rollout-unjudged`.
//!
//! docs/release/README.md: a canary is compared with fresh processes of the old release unless that is off.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-rollout-unjudged",
        severity: Severity::Medium,
        title: "nothing judges a release that goes in steps",
        why: "A release that fails goes on to all requests, only later.",
        remedy: "remove `comparison: {off: true}`, or add a `budget`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (name, service) in description.services() {
        let Some(rollout) = service.get("rollout") else { continue };
        let off = rollout.at(&["comparison", "off"]).filter(|off| off.is_true());
        let is_judged = rollout.get("budget").is_some()
            || rollout.get("prometheus").is_some_and(|queries| !queries.items().is_empty());
        let is_canary = rollout.text_at("strategy") == Some("canary");
        if let Some(off) = off.filter(|_| is_canary && !is_judged) {
            hits.of(off, name);
        }
    }
}
