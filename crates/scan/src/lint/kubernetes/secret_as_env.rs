//! `k8s-secret-as-env`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-secret-as-env",
        severity: Severity::Low,
        title: "a container gets a secret as a variable of its environment",
        why: "Each program that it starts inherits it, and crash reports and pages of debuggers print it.",
        remedy: "mount the Secret as a volume, and read the file",
        same: &["CKV_K8S_35"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let variables = container.node.get("env").map(Marked::items).unwrap_or_default();
        let variables = variables.iter().filter_map(|one| one.at(&["valueFrom", "secretKeyRef"]));
        let whole = container.node.get("envFrom").map(Marked::items).unwrap_or_default();
        let whole = whole.iter().filter_map(|one| one.get("secretRef"));
        for node in variables.chain(whole) {
            hits.of(node, &container.about);
        }
    }
}
