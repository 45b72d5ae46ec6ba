//! `k8s-no-cpu-limit`.

use evidence::document::findings::Severity;

use super::{Object, Part};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-no-cpu-limit",
        severity: Severity::Low,
        title: "a container may take all processors of its node",
        why: "A loop in it slows down every other pod that has asked for less than it needs.",
        remedy: "write `resources.limits.cpu`",
        same: &["CKV_K8S_11"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers().filter(|one| one.is_whole() && one.part != Part::Debug) {
        if container.limit("cpu").is_none() {
            hits.of(container.node, container.about);
        }
    }
}
