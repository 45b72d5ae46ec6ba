//! `k8s-secret-in-env`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::plain_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-secret-in-env",
        severity: Severity::High,
        title: "a secret stands in the environment of a container",
        why: "Everybody who can read the file or the pod has it, and it stays in the history of the repository.",
        remedy: "revoke it, and take it from a Secret with `valueFrom.secretKeyRef` or a mounted file",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let variables = container.node.get("env").map(Marked::items).unwrap_or_default();
        for variable in variables {
            let name = variable.text_at("name").unwrap_or_default();
            let Some(value) = variable.get("value") else { continue };
            if plain_secret::is_secret(name, value.text().unwrap_or_default()) {
                hits.of(value, format!("{}, {name}", container.about));
            }
        }
    }
}
