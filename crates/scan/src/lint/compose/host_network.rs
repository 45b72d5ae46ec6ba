//! `compose-host-network`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-host-network",
        severity: Severity::High,
        title: "a service uses the network of its host",
        why: "It reaches services that listen on the host's loopback alone, and each port that it opens is open on the host.",
        remedy: "remove `network_mode: host`, and publish the ports that others need",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some(node) = service.node.get("network_mode").filter(|node| node.text() == Some("host")) {
        hits.of(node, &service.name);
    }
    if let Some(node) =
        service.node.get("networks").filter(|_| service.networks().iter().any(|name| name == "host"))
    {
        hits.of(node, &service.name);
    }
}
