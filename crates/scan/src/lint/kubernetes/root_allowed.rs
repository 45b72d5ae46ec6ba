//! `k8s-root-allowed`.

use evidence::document::findings::Severity;

use super::{Container, Object};
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-root-allowed",
        severity: Severity::Medium,
        title: "nothing keeps a container from running as root",
        why: "Its image decides about the user, and most images say root or nothing; the next one may say so too.",
        remedy: "write `runAsNonRoot: true` for the pod or the container",
        same: &["CKV_K8S_23"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.is_windows() {
        return;
    }
    for container in object.containers().filter(Container::is_whole) {
        let is_forbidden = container.security_or_pod("runAsNonRoot").is_some_and(Marked::is_true);
        // `k8s-root-user` judges a user; one of another form is refused by the API.
        if !is_forbidden && container.security_or_pod("runAsUser").is_none() {
            hits.of(container.node, container.about);
        }
    }
}
