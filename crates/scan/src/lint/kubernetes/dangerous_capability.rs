//! `k8s-dangerous-capability`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::capability;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-dangerous-capability",
        severity: Severity::High,
        title: "a container has a capability that gives it the host",
        why: "With it a process can leave the container, read the memory of others, or change the host's kernel and network.",
        remedy: "remove it from `capabilities.add`; ask for the one small capability that the program needs",
        same: &["CKV_K8S_39"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        for added in container.added_capabilities() {
            let name = capability::name(added.text().unwrap_or_default());
            if capability::is_dangerous(&name) {
                hits.of(added, format!("{}, {name}", container.about));
            }
        }
    }
}
