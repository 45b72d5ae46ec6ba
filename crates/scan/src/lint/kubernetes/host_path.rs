//! `k8s-host-path`. `k8s-runtime-socket` and `k8s-sensitive-host-path` judge the worst ones.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::host_path::{is_runtime_socket, is_sensitive};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-host-path",
        severity: Severity::Medium,
        title: "a pod is given a path of its host",
        why: "What it writes there stays, is seen by other pods, and reaches the host outside of every quota.",
        remedy: "take a `persistentVolumeClaim`, an `emptyDir` or a `configMap`",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (path, node) in object.host_paths() {
        if !is_sensitive(path) && !is_runtime_socket(path) {
            hits.of(node, format!("{}, {path}", object.name));
        }
    }
}
