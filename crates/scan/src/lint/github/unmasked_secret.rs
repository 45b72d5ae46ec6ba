//! `github-unmasked-secret`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::{Expression, PART_OF, inserted};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-unmasked-secret",
        severity: Severity::Medium,
        title: "a part of a secret is not hidden in the log",
        why: "GitHub hides the whole secret, but not a field of it, so that the field is printed as it is.",
        remedy: "store each field as a secret, and name it",
        same: &["zizmor/unredacted-secrets"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    workflow.node.each(&mut |key, node| {
        for part in inserted(node.text().unwrap_or_default()) {
            if part.expression.any(is_part_of_secret) {
                let name = key.unwrap_or("an item");
                hits.at(workflow.line_of(node, part.source), format!("{name}: {}", part.source));
            }
        }
    });
}

fn is_part_of_secret(one: &Expression) -> bool {
    let Expression::Call(name, arguments) = one else { return false };
    let is_read = |one: &Expression| match one {
        Expression::Call(name, inner) => name == "fromjson" && inner.iter().any(is_secret),
        _ => false,
    };
    name == PART_OF && arguments.iter().any(is_read)
}

fn is_secret(one: &Expression) -> bool {
    matches!(one, Expression::Path(path) if path.starts_with("secrets."))
}
