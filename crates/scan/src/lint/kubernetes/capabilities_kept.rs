//! `k8s-capabilities-kept`.

use evidence::document::findings::Severity;

use super::{Container, Object};
use crate::lint::capability;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-capabilities-kept",
        severity: Severity::Low,
        title: "a container keeps the capabilities that a runtime gives by default",
        why: "Few programs need any of them, and an attacker in the container has them all, raw packets among them.",
        remedy: "write `capabilities: {drop: [ALL]}`, and add back what the program needs",
        same: &["CKV_K8S_37"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.is_windows() {
        return;
    }
    for container in object.containers().filter(Container::is_whole) {
        let dropped = container.node.at(&["securityContext", "capabilities", "drop"]);
        let dropped = dropped.map(Marked::items).unwrap_or_default();
        if !dropped.iter().any(|node| capability::name(node.text().unwrap_or_default()) == "ALL") {
            hits.of(container.node, container.about);
        }
    }
}
