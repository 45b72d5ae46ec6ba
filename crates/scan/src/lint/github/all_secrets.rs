//! `github-all-secrets`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::{Expression, inserted};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-all-secrets",
        severity: Severity::Medium,
        title: "all secrets are given at once",
        why: "The runner gets every secret of the repository and its organisation, so that one bad step has them all.",
        remedy: "name the secret that is needed: `secrets.NAME`",
        same: &["zizmor/overprovisioned-secrets"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    workflow.node.each(&mut |key, node| {
        for part in inserted(node.text().unwrap_or_default()) {
            let is_all = |one: &Expression| matches!(one, Expression::Path(path) if path == "secrets" || path == "secrets.*");
            if part.expression.any(is_all) {
                let name = key.unwrap_or("an item");
                hits.at(workflow.line_of(node, part.source), format!("{name}: {}", part.source));
            }
        }
    });
}
