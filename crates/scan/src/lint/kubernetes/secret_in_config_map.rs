//! `k8s-secret-in-config-map`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::plain_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-secret-in-config-map",
        severity: Severity::High,
        title: "a ConfigMap has a secret",
        why: "Whoever may read the namespace's configuration has it, and so has everybody who can read the file.",
        remedy: "revoke it, and put the new one into a Secret that no repository has",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if !object.is("", &["ConfigMap"]) {
        return;
    }
    for (name, value) in object.node.get("data").into_iter().flat_map(Marked::entries) {
        let text = value.text().unwrap_or_default();
        // A file is left to the rules of secrets, but for the keys that they have no name for.
        let is_file = text.contains('\n');
        if (!is_file && plain_secret::is_secret(name, text)) || text.contains("PRIVATE KEY-----") {
            hits.of(value, format!("{}, {name}", object.name));
        }
    }
}
