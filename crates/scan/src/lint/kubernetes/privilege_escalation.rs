//! `k8s-privilege-escalation`. It is allowed if nothing is said (<https://kubernetes.io/docs/tasks/configure-pod-container/security-context/>).

use evidence::document::findings::Severity;

use super::{Container, Object};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-privilege-escalation",
        severity: Severity::Medium,
        title: "a process of a container may gain privileges",
        why: "A program with the setuid bit, such as `sudo`, makes a process root that was not.",
        remedy: "write `allowPrivilegeEscalation: false` for the container",
        same: &["CKV_K8S_20"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.is_windows() {
        return;
    }
    for container in object.containers().filter(Container::is_whole) {
        match container.security("allowPrivilegeEscalation") {
            Some(node) if node.is_false() => {}
            Some(node) => hits.of(node, container.about),
            None => hits.of(container.node, container.about),
        }
    }
}
