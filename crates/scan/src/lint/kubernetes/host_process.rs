//! `k8s-host-process`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-host-process",
        severity: Severity::High,
        title: "a container runs as a process of a Windows host",
        why: "It is not isolated at all: it has the files, the network and the accounts of the host.",
        remedy: "remove `windowsOptions.hostProcess`",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (context, about) in object.security_contexts() {
        if let Some(node) = context.at(&["windowsOptions", "hostProcess"]).filter(|node| node.is_true()) {
            hits.of(node, about);
        }
    }
}
