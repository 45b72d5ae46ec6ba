//! `k8s-no-seccomp`. A node has a default only with `--seccomp-default` (<https://kubernetes.io/docs/tutorials/security/seccomp/>).

use evidence::document::findings::Severity;

use super::{Container, Object};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-no-seccomp",
        severity: Severity::Low,
        title: "a container has no seccomp profile",
        why: "Unless its node says otherwise it may call every function of the kernel, also those whose faults lead out of the container.",
        remedy: "write `seccompProfile: {type: RuntimeDefault}` for the pod",
        same: &["CKV_K8S_31"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.is_windows() {
        return;
    }
    for container in object.containers().filter(Container::is_whole) {
        if container.security_or_pod("seccompProfile").is_none() {
            hits.of(container.node, container.about);
        }
    }
}
