//! `k8s-everybody-bound`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-everybody-bound",
        severity: Severity::High,
        title: "every account of the cluster is given rights",
        why: "Each person who can sign in or each pod has them, whatever it is; some providers let every one of their customers sign in.",
        remedy: "bind the accounts or the group that need them",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.role().and_then(|role| role.text_at("name")).is_some_and(|name| BUILTIN.contains(&name)) {
        return;
    }
    for subject in object.subjects() {
        if matches!(subject.text_at("name"), Some("system:authenticated" | "system:serviceaccounts")) {
            hits.of(subject, &object.name);
        }
    }
}

/// What Kubernetes itself lets them do (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).
const BUILTIN: &[&str] = &[
    "system:basic-user",
    "system:discovery",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
];
