//! `k8s-host-pid`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-host-pid",
        severity: Severity::High,
        title: "a pod sees all processes of its host",
        why: "It reads the environment, the files and the memory of each of them, secrets among them, and can end them.",
        remedy: "remove `hostPID: true`",
        same: &["CKV_K8S_17"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let node = object.pod().and_then(|pod| pod.get("hostPID"));
    if let Some(node) = node.filter(|node| node.is_true()) {
        hits.of(node, &object.name);
    }
}
