//! `k8s-cluster-admin`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-cluster-admin",
        severity: Severity::High,
        title: "somebody is made administrator of the cluster",
        why: "The account reads every secret and changes everything; a pod that has it is enough to take the cluster over.",
        remedy: "bind a role with the rights that it needs",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let Some(role) = object.role() else { return };
    let is_admin = role.text_at("name") == Some("cluster-admin") && role.text_at("kind") != Some("Role");
    // The binding that every cluster has of its own.
    let is_builtin = |subject: &Marked| subject.text_at("name") == Some("system:masters");
    let mut subjects = object.subjects().iter();
    if is_admin && subjects.any(|subject| !is_builtin(subject)) {
        hits.of(role, &object.name);
    }
}
