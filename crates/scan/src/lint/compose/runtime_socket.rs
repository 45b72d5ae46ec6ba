//! `compose-runtime-socket`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::host_path::is_runtime_socket;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-runtime-socket",
        severity: Severity::Critical,
        title: "a service is given the socket of the container runtime",
        why: "A process that reaches the socket starts containers with all privileges, and so owns the host, even if the mount is read-only.",
        remedy: "remove the volume, or put a proxy between that allows only the few calls that are needed",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for volume in service.volumes().iter().filter(|volume| is_runtime_socket(&volume.source)) {
        hits.at(volume.line, &service.name);
    }
    if let Some(node) = service.node.get("use_api_socket").filter(|node| node.is_true()) {
        hits.of(node, &service.name);
    }
}
