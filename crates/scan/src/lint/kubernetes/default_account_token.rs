//! `k8s-default-account-token`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-default-account-token",
        severity: Severity::Low,
        title: "the default service account gives a token to every pod",
        why: "Each pod of the namespace that names no account gets a token of the API that it has no use for.",
        remedy: "write `automountServiceAccountToken: false`",
        same: &["CKV_K8S_41"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let is_default = object.node.at(&["metadata", "name"]).and_then(Marked::text) == Some("default");
    if is_default && object.is("", &["ServiceAccount"]) {
        let mount = object.node.get("automountServiceAccountToken");
        if !mount.is_some_and(Marked::is_false) {
            hits.of(mount.unwrap_or(&object.node), &object.name);
        }
    }
}
