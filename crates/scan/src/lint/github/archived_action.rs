//! `github-archived-action`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-archived-action",
        severity: Severity::Low,
        title: "an action is no longer maintained",
        why: "Its repository is archived: nobody mends a weakness in it.",
        remedy: "use a maintained action, or the commands that it runs",
        same: &["zizmor/archived-uses"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        let Some(uses) = step.uses() else { continue };
        let mut parts = uses.name.split('/');
        let repository = [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()];
        if ARCHIVED.contains(&repository) {
            hits.of(uses.node, format!("{}: {}", step.about(), uses.name));
        }
    }
}

/// Owners and repositories whose pages say that they are archived.
const ARCHIVED: &[[&str; 2]] = &[
    ["actions", "create-release"],
    ["actions", "setup-elixir"],
    ["actions", "setup-haskell"],
    ["actions", "setup-ruby"],
    ["actions", "upload-release-asset"],
    ["actions-rs", "audit-check"],
    ["actions-rs", "cargo"],
    ["actions-rs", "clippy-check"],
    ["actions-rs", "grcov"],
    ["actions-rs", "install"],
    ["actions-rs", "tarpaulin"],
    ["actions-rs", "toolchain"],
    ["gradle", "gradle-build-action"],
    ["whelk-io", "maven-settings-xml-action"],
];
