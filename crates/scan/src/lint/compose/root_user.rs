//! `compose-root-user`. The image decides about the user of a service that names no user.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-root-user",
        severity: Severity::Medium,
        title: "a service is told to run as root",
        why: "A process that leaves the container through a fault of the runtime or the kernel is root on the host.",
        remedy: "name a user without rights, as `user: \"1000:1000\"`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    let Some(node) = service.node.get("user") else { return };
    let user = node.text().unwrap_or_default().split(':').next().unwrap_or_default().trim();
    if user == "root" || user.parse() == Ok(0_i64) {
        hits.of(node, &service.name);
    }
}
