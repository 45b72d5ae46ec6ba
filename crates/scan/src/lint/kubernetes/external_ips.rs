//! `k8s-external-ips`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-external-ips",
        severity: Severity::Medium,
        title: "a Service takes addresses that are not those of the cluster",
        why: "Traffic of all pods to such an address goes to this Service, so it can read what is meant for others (CVE-2020-8554).",
        remedy: "remove `externalIPs`; let a load balancer or an Ingress have the address",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let addresses = object.node.at(&["spec", "externalIPs"]).filter(|_| object.is("", &["Service"]));
    if let Some(node) = addresses.filter(|node| !node.items().is_empty()) {
        hits.of(node, &object.name);
    }
}
