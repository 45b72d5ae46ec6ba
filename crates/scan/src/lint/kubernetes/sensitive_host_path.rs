//! `k8s-sensitive-host-path`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::host_path::{is_runtime_socket, is_sensitive};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-sensitive-host-path",
        severity: Severity::High,
        title: "a pod is given a directory that controls its host",
        why: "With the host's root, its processes, its configuration or the kubelet's files a container reads every secret of the host or takes it over.",
        remedy: "remove the volume, or mount only the one file below it that the program reads",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (path, node) in object.host_paths() {
        if is_sensitive(path) && !is_runtime_socket(path) {
            hits.of(node, format!("{}, {path}", object.name));
        }
    }
}
