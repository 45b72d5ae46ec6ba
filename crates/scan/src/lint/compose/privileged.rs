//! `compose-privileged`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-privileged",
        severity: Severity::High,
        title: "a container has all privileges of its host",
        why: "A process in it can load kernel modules, read every disk and take over the host and all its other containers.",
        remedy: "remove `privileged: true`, and add only the capabilities and devices that it needs",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some(node) = service.node.get("privileged").filter(|node| node.is_true()) {
        hits.of(node, &service.name);
    }
}
