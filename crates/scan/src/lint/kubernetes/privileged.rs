//! `k8s-privileged`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-privileged",
        severity: Severity::High,
        title: "a container has all privileges of its host",
        why: "A process in it can load kernel modules, read every disk and take over the host and all its other containers.",
        remedy: "remove `privileged: true`, and add only the capabilities that it needs",
        same: &["CKV_K8S_16"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let privileged = container.node.at(&["securityContext", "privileged"]);
        if let Some(node) = privileged.filter(|node| Marked::is_true(node)) {
            hits.of(node, container.about);
        }
    }
}
