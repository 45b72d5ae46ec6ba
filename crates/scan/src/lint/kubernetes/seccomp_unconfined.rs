//! `k8s-seccomp-unconfined`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-seccomp-unconfined",
        severity: Severity::Medium,
        title: "a container may call every function of the kernel",
        why: "The profile that the runtime has is switched off, so faults in rarely used functions of the kernel can be reached.",
        remedy: "write `seccompProfile: {type: RuntimeDefault}`",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (context, about) in object.security_contexts() {
        let kind = context.at(&["seccompProfile", "type"]);
        if let Some(node) = kind.filter(|node| node.text() == Some("Unconfined")) {
            hits.of(node, about);
        }
    }
}
