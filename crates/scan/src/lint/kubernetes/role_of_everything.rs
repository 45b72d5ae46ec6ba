//! `k8s-role-of-everything`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-role-of-everything",
        severity: Severity::High,
        title: "a role may do everything with everything",
        why: "An account that has it is an administrator, whatever the role is called.",
        remedy: "write the groups, resources and verbs that are needed",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for grant in object.grants() {
        if grant.has_wildcards() {
            hits.of(grant.node, &object.name);
        }
    }
}
