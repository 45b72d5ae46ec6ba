//! `compose-dangerous-capability`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::capability;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-dangerous-capability",
        severity: Severity::High,
        title: "a container has a capability that gives it the host",
        why: "With it a process can leave the container, read the memory of others, or change the host's kernel and network.",
        remedy: "remove it from `cap_add`; ask for the one small capability that the program needs",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for added in service.node.get("cap_add").map(Marked::items).unwrap_or_default() {
        let name = capability::name(added.text().unwrap_or_default());
        if capability::is_dangerous(&name) {
            hits.of(added, format!("{}, {name}", service.name));
        }
    }
}
