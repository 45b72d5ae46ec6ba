//! `github-cache-in-release`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::known::{publishes, uses_cache};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-cache-in-release",
        severity: Severity::Medium,
        title: "a release is built from a cache",
        why: "Any run of the branch can have put other files into the cache, and they become part of what you publish.",
        remedy: "build releases without a cache, as with `lookup-only: true`",
        same: &["zizmor/cache-poisoning"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    let is_release = workflow.is_started_by(&["release"]) || is_for_tags(workflow);
    if !is_release {
        return;
    }
    let steps = workflow.steps();
    if steps.iter().any(|step| publishes(step).is_some()) {
        for step in steps.iter().filter(|step| uses_cache(step)) {
            hits.of(step.node.get("uses").unwrap_or(step.node), step.about());
        }
    }
}

fn is_for_tags(workflow: &Workflow) -> bool {
    let push = workflow.node.at(&["on", "push"]);
    push.is_some_and(|push| push.get("tags").is_some() && push.get("branches").is_none())
}
