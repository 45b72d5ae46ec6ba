//! `k8s-added-capability`. `k8s-dangerous-capability` judges those that give the host away.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::capability;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-added-capability",
        severity: Severity::Medium,
        title: "a container has a capability that containers usually lack",
        why: "Each one lets a process do more to the host and its network than an ordinary container can, such as forging packets.",
        remedy: "remove it from `capabilities.add` if the program runs without it",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        for added in container.added_capabilities() {
            let name = capability::name(added.text().unwrap_or_default());
            if !name.is_empty() && !capability::is_dangerous(&name) && !capability::is_usual(&name) {
                hits.of(added, format!("{}, {name}", container.about));
            }
        }
    }
}
