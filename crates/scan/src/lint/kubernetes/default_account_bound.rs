//! `k8s-default-account-bound`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-default-account-bound",
        severity: Severity::Medium,
        title: "the default service account is given rights",
        why: "Every pod of its namespace that names no account has them, also those that somebody adds later.",
        remedy: "make a service account for the one program that needs them",
        same: &["CKV_K8S_42"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for subject in object.subjects() {
        if subject.text_at("kind") == Some("ServiceAccount") && subject.text_at("name") == Some("default") {
            hits.of(subject, &object.name);
        }
    }
}
