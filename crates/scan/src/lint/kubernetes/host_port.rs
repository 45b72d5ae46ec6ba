//! `k8s-host-port`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-host-port",
        severity: Severity::Medium,
        title: "a container takes a port of its host",
        why: "The port is open on every address of the host and past many network policies, and only one such pod fits on a host.",
        remedy: "remove `hostPort`, and publish the port with a Service",
        same: &["CKV_K8S_26"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let ports = container.node.get("ports").map(Marked::items).unwrap_or_default();
        for node in ports.iter().filter_map(|port| port.get("hostPort")) {
            if node.number().is_some_and(|port| port > 0) {
                hits.of(node, &container.about);
            }
        }
    }
}
