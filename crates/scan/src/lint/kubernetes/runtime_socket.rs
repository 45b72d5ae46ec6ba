//! `k8s-runtime-socket`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::host_path::is_runtime_socket;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-runtime-socket",
        severity: Severity::Critical,
        title: "a pod is given the socket of the container runtime",
        why: "A process that reaches the socket starts containers with all privileges, and so owns the host, even if the mount is read-only.",
        remedy: "remove the volume; build images with a tool that needs no daemon, and read metrics from the kubelet",
        same: &["CKV_K8S_27"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (path, node) in object.host_paths() {
        if is_runtime_socket(path) {
            hits.of(node, &object.name);
        }
    }
}
