//! `k8s-anonymous-bound`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-anonymous-bound",
        severity: Severity::Critical,
        title: "callers who did not sign in are given rights",
        why: "Anybody who reaches the API has them, without a password or a certificate.",
        remedy: "remove the subject, and bind an account or a group of people",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.role().and_then(|role| role.text_at("name")).is_some_and(|name| BUILTIN.contains(&name)) {
        return;
    }
    for subject in object.subjects() {
        if matches!(subject.text_at("name"), Some("system:unauthenticated" | "system:anonymous")) {
            hits.of(subject, &object.name);
        }
    }
}

/// What Kubernetes itself lets them read (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).
const BUILTIN: &[&str] = &["system:public-info-viewer"];
