//! `k8s-root-user`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-root-user",
        severity: Severity::Medium,
        title: "a container runs as root",
        why: "A process that leaves the container through a fault of the runtime or the kernel is root on the host.",
        remedy: "write `runAsNonRoot: true` and a `runAsUser` above 0",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let user = container.security_or_pod("runAsUser");
        if let Some(node) = user.filter(|node| node.number() == Some(0)) {
            hits.of(node, container.about);
        }
    }
}
