//! `k8s-no-memory-limit`. Limits of the whole pod count too (<https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/>).

use evidence::document::findings::Severity;

use super::{Object, Part};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-no-memory-limit",
        severity: Severity::Medium,
        title: "a container may take all memory of its node",
        why: "A leak or an attack in it makes the kernel end other pods of the node.",
        remedy: "write `resources.limits.memory`",
        same: &["CKV_K8S_13"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers().filter(|one| one.is_whole() && one.part != Part::Debug) {
        if container.limit("memory").is_none() {
            hits.of(container.node, container.about);
        }
    }
}
