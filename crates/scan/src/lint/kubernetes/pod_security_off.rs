//! `k8s-pod-security-off`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-pod-security-off",
        severity: Severity::Medium,
        title: "a namespace lets every pod in",
        why: "Pods with all privileges, the host's network or its directories start there without a word.",
        remedy: "write `pod-security.kubernetes.io/enforce: restricted` or `baseline`",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let labels = object.node.at(&["metadata", "labels"]).filter(|_| object.is("", &["Namespace"]));
    let enforced = labels.and_then(|labels| labels.get("pod-security.kubernetes.io/enforce"));
    if let Some(node) = enforced.filter(|node| node.text() == Some("privileged")) {
        hits.of(node, &object.name);
    }
}
