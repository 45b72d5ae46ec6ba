//! `k8s-default-namespace`. An object without a namespace takes that of the command that applies it, which the file does not say.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-default-namespace",
        severity: Severity::Low,
        title: "an object is in the namespace `default`",
        why: "Everything that names no namespace is there, so its roles, quotas and network policies suit nothing in particular.",
        remedy: "make a namespace for the application",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let namespace = object.node.at(&["metadata", "namespace"]);
    // The service of the API is there in every cluster.
    let is_api = object.node.at(&["metadata", "name"]).and_then(Marked::text) == Some("kubernetes");
    if let Some(node) = namespace.filter(|node| node.text() == Some("default") && !is_api) {
        hits.of(node, &object.name);
    }
}
