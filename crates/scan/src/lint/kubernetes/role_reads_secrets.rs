//! `k8s-role-reads-secrets`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-role-reads-secrets",
        severity: Severity::Medium,
        title: "a role may read all secrets",
        why: "Tokens of other accounts are among them, so whoever has the role has their rights too.",
        remedy: "name the secrets with `resourceNames`, and grant `get` alone",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for grant in object.grants().filter(|grant| !grant.is_named() && !grant.has_wildcard()) {
        if ["get", "list", "watch"].iter().any(|verb| grant.allows("", &["secrets"], verb)) {
            hits.of(grant.node, &object.name);
        }
    }
}
