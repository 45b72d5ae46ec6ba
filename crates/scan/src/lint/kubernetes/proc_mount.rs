//! `k8s-proc-mount`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-proc-mount",
        severity: Severity::Medium,
        title: "a container sees all of `/proc`",
        why: "The runtime hides files there through which a process of root reads and changes the kernel.",
        remedy: "remove `procMount: Unmasked`",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let mount = container.security("procMount");
        if let Some(node) = mount.filter(|node| node.text() == Some("Unmasked")) {
            hits.of(node, container.about);
        }
    }
}
