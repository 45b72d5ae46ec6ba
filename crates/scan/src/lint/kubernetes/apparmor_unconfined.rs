//! `k8s-apparmor-unconfined`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-apparmor-unconfined",
        severity: Severity::Medium,
        title: "a container runs without its AppArmor profile",
        why: "The profile that the runtime has is switched off, so the container may write files of the kernel and mount file systems if it is root.",
        remedy: "remove the value `Unconfined`, or name a profile",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (context, about) in object.security_contexts() {
        let kind = context.at(&["appArmorProfile", "type"]);
        if let Some(node) = kind.filter(|node| node.text() == Some("Unconfined")) {
            hits.of(node, about);
        }
    }
    let annotations = object.pod_metadata().and_then(|metadata| metadata.get("annotations"));
    for (key, node) in annotations.into_iter().flat_map(Marked::entries) {
        if key.starts_with("container.apparmor.security.beta.kubernetes.io/")
            && node.text() == Some("unconfined")
        {
            hits.of(node, &object.name);
        }
    }
}
