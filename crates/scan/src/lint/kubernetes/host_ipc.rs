//! `k8s-host-ipc`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-host-ipc",
        severity: Severity::High,
        title: "a pod shares the memory segments and queues of its host",
        why: "It reads and changes what other programs of the host keep there.",
        remedy: "remove `hostIPC: true`; containers of one pod share an `emptyDir` in memory",
        same: &["CKV_K8S_18"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let node = object.pod().and_then(|pod| pod.get("hostIPC"));
    if let Some(node) = node.filter(|node| node.is_true()) {
        hits.of(node, &object.name);
    }
}
