//! `compose-docker-port`. Port 2375 is the one without TLS (<https://docs.docker.com/engine/daemon/remote-access/>).

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-docker-port",
        severity: Severity::Critical,
        title: "a service opens the interface of Docker without TLS",
        why: "Whoever reaches the port starts containers with all privileges, and so owns the host.",
        remedy: "remove the port; use the socket over SSH, or port 2376 with certificates of clients",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    for port in service.ports().filter(|port| port.is_everywhere() && port.has_one_of(&[2375])) {
        hits.at(port.line, &service.name);
    }
}
