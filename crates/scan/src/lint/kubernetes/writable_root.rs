//! `k8s-writable-root`.

use evidence::document::findings::Severity;

use super::{Container, Object};
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-writable-root",
        severity: Severity::Low,
        title: "a container can change the files of its image",
        why: "An attacker can replace its programs or leave tools there, and nobody sees it in the image.",
        remedy: "write `readOnlyRootFilesystem: true`, and mount an `emptyDir` where it writes",
        same: &["CKV_K8S_22"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.is_windows() {
        return;
    }
    for container in object.containers().filter(Container::is_whole) {
        if !container.security("readOnlyRootFilesystem").is_some_and(Marked::is_true) {
            hits.of(container.node, container.about);
        }
    }
}
