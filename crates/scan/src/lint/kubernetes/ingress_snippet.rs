//! `k8s-ingress-snippet`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-ingress-snippet",
        severity: Severity::Medium,
        title: "an Ingress adds lines to the configuration of nginx",
        why: "Whoever may write such an Ingress can read the controller's token, and with it all Secrets (CVE-2021-25742).",
        remedy: "remove the snippet, and use annotations for the one thing that it does",
        same: &["CKV_K8S_153"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if object.kind != "Ingress" {
        return;
    }
    let annotations = object.node.at(&["metadata", "annotations"]);
    for (key, node) in annotations.into_iter().flat_map(Marked::entries) {
        if key.starts_with("nginx.ingress.kubernetes.io/") && key.ends_with("-snippet") {
            hits.of(node, &object.name);
        }
    }
}
