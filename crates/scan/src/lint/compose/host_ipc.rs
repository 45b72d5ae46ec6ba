//! `compose-host-ipc`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-host-ipc",
        severity: Severity::High,
        title: "a service shares the memory segments and queues of its host",
        why: "It reads and changes what other programs of the host keep there.",
        remedy: "remove `ipc: host`; write `shm_size` if it needs more shared memory",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some(node) = service.node.get("ipc").filter(|node| node.text() == Some("host")) {
        hits.of(node, &service.name);
    }
}
