//! `k8s-role-wildcard`. `k8s-role-of-everything` judges those that are nothing else.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-role-wildcard",
        severity: Severity::Medium,
        title: "a role has a wildcard",
        why: "It grants what nobody thought of, and every resource and verb that a later version adds.",
        remedy: "write the resources and verbs that are needed",
        same: &["CKV_K8S_49"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for grant in object.grants() {
        if grant.has_wildcard() && !grant.has_wildcards() {
            hits.of(grant.node, &object.name);
        }
    }
}
