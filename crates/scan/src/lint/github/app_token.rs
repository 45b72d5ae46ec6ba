//! `github-app-token`.
//!
//! Without these inputs the token has all rights (<https://github.com/actions/create-github-app-token#inputs>).

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-app-token",
        severity: Severity::Medium,
        title: "a token of an app has all rights of its installation",
        why: "A step needs a few of them, but anybody who gets the token can use every one, in every repository where the app is installed.",
        remedy: "name each right as `permission-...`, and the repositories",
        same: &["zizmor/github-app"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps().iter().filter(|step| step.is_one_of(&["actions/create-github-app-token"])) {
        let inputs = step.node.get("with").into_iter().flat_map(|with| with.entries());
        let is_limited =
            inputs.into_iter().any(|(name, _)| name.to_ascii_lowercase().starts_with("permission-"));
        let is_wide = step.with("owner").is_some() && step.with("repositories").is_none();
        if !is_limited || is_wide {
            hits.of(step.node.get("uses").unwrap_or(step.node), step.about());
        }
    }
}
