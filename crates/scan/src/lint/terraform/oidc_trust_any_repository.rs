//! `terraform-oidc-trust-any-repository`.

use evidence::document::findings::Severity;

use super::Plan;
use super::policies::Sort;
use crate::lint::access::{Statement, allowing};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-oidc-trust-any-repository",
        severity: Severity::Critical,
        title: "workflows of any repository may become a role",
        why: "The identity provider serves everybody: without a condition on the subject, a stranger uses the role from a repository of their own.",
        remedy: "demand a `sub` that names the organisation and the repository",
        same: &["CKV_AWS_358"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (block, policy) in plan.policies(&[Sort::Trust]) {
        if allowing(policy).any(is_for_any) {
            hits.at(0, block.address());
        }
    }
}

/// Subjects: <https://docs.github.com/en/actions/reference/security/oidc>.
fn is_for_any(statement: Statement<'_>) -> bool {
    let is_public = statement.federated().any(|provider| PUBLIC.iter().any(|host| provider.contains(host)));
    let mut subjects = statement.demanded(":sub").peekable();
    is_public && (subjects.peek().is_none() || subjects.flatten().any(names_nobody))
}

/// Whether a subject leaves open whose repository it is.
fn names_nobody(subject: &str) -> bool {
    let owner = ["repo:", "project_path:"].iter().find_map(|start| subject.strip_prefix(start));
    let owner = owner.map_or(subject, |rest| rest.split('/').next().unwrap_or(rest));
    owner.starts_with(['*', '?'])
}

const PUBLIC: [&str; 3] = ["token.actions.githubusercontent.com", "gitlab.com", "oidc.circleci.com"];
