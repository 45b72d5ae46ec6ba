//! `pipeline-secret-value`.

use evidence::document::findings::Severity;

use super::Description;
use crate::lint::plain_secret::{is_literal_secret, is_secret_name};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Description> = Rule {
    facts: Facts {
        id: "pipeline-secret-value",
        severity: Severity::High,
        title: "a secret stands in the file",
        why: "Everybody who can read the repository reads it, and it stays in the history.",
        remedy: "put it with `countersign secret put`, and name it in `secrets`",
        same: &[],
    },
    check,
};

fn check(description: &Description, hits: &mut Hits) {
    for (holder, name, value) in description.variables() {
        let text = value.text().unwrap_or_default();
        if is_secret_name(name) && is_literal_secret(text) {
            hits.secret_at(value.line, format!("{holder}: {name}"));
        }
    }
}
