//! `compose-host-pid`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-host-pid",
        severity: Severity::High,
        title: "a service sees all processes of its host",
        why: "It reads the environment and the memory of each of them, secrets among them, and can end them.",
        remedy: "remove `pid: host`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some(node) = service.node.get("pid").filter(|node| node.text() == Some("host")) {
        hits.of(node, &service.name);
    }
}
