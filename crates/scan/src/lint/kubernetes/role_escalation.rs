//! `k8s-role-escalation`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-role-escalation",
        severity: Severity::High,
        title: "a role may give itself more rights",
        why: "An account that may bind or escalate roles, impersonate others or approve certificates can become administrator.",
        remedy: "remove these verbs, or name the only roles with `resourceNames`",
        same: &["CKV_K8S_156", "CKV_K8S_157", "CKV_K8S_158"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for grant in object.grants().filter(|grant| !grant.is_named() && !grant.has_wildcard()) {
        let is_escalation =
            ESCALATIONS.iter().any(|(group, resources, verb)| grant.allows(group, resources, verb));
        if is_escalation {
            hits.of(grant.node, &object.name);
        }
    }
}

/// Verbs of <https://kubernetes.io/docs/concepts/security/rbac-good-practices/>.
const ESCALATIONS: &[(&str, &[&str], &str)] = &[
    ("rbac.authorization.k8s.io", &["roles", "clusterroles"], "bind"),
    ("rbac.authorization.k8s.io", &["roles", "clusterroles"], "escalate"),
    ("", &["users", "groups", "serviceaccounts"], "impersonate"),
    ("certificates.k8s.io", &["signers"], "approve"),
];
