//! `k8s-host-network`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-host-network",
        severity: Severity::High,
        title: "a pod uses the network of its host",
        why: "It reaches services that listen on the host's loopback alone, sees the host's packets, and no network policy holds it.",
        remedy: "remove `hostNetwork: true`, and publish ports with a Service",
        same: &["CKV_K8S_19"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let node = object.pod().and_then(|pod| pod.get("hostNetwork"));
    if let Some(node) = node.filter(|node| node.is_true()) {
        hits.of(node, &object.name);
    }
}
