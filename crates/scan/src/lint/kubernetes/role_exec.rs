//! `k8s-role-exec`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-role-exec",
        severity: Severity::Medium,
        title: "a role may run commands in containers",
        why: "With `pods/exec`, `pods/attach` or `nodes/proxy` an account has the secrets and the rights of every pod that it reaches.",
        remedy: "remove the resource; give people this right for a time only",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for grant in object.grants().filter(|grant| !grant.has_wildcard()) {
        let reaches = |verb| grant.allows("", &["pods/exec", "pods/attach", "nodes/proxy"], verb);
        if ["create", "get"].into_iter().any(reaches) {
            hits.of(grant.node, &object.name);
        }
    }
}
