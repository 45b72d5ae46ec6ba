//! `compose-host-users`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-host-users",
        severity: Severity::Medium,
        title: "a service has the users of its host",
        why: "The daemon's own map of users is switched off, so root in the container is root on the host.",
        remedy: "remove `userns_mode: host`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some(node) = service.node.get("userns_mode").filter(|node| node.text() == Some("host")) {
        hits.of(node, &service.name);
    }
}
