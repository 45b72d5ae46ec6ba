//! `compose-no-memory-limit`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-no-memory-limit",
        severity: Severity::Low,
        title: "a service may take all memory of its host",
        why: "A leak or an attack in it makes the kernel end other services.",
        remedy: "write `mem_limit`, or `deploy.resources.limits.memory`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    let limits =
        [service.node.get("mem_limit"), service.node.at(&["deploy", "resources", "limits", "memory"])];
    let is_limited = limits.into_iter().flatten().any(|node| !node.is_null() && node.number() != Some(0));
    if service.is_whole() && !is_limited {
        hits.of(&service.node, &service.name);
    }
}
