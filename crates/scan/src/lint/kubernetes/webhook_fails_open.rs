//! `k8s-webhook-fails-open`. `Fail` is the default (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>).

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-webhook-fails-open",
        severity: Severity::Medium,
        title: "a check of new objects is skipped when it fails",
        why: "If its server is down or slow, everything passes that it should refuse.",
        remedy: "write `failurePolicy: Fail`, and run several replicas of the server",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if !object.is("admissionregistration.k8s.io", &["ValidatingWebhookConfiguration"]) {
        return;
    }
    let webhooks = object.node.get("webhooks").map(Marked::items).unwrap_or_default();
    for node in webhooks.iter().filter_map(|webhook| webhook.get("failurePolicy")) {
        if node.text() == Some("Ignore") {
            hits.of(node, &object.name);
        }
    }
}
