//! `github-publish-token`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::inserted;
use super::known::is_publish;
use super::subject::Step;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-publish-token",
        severity: Severity::Medium,
        title: "packages are published with a token that does not expire",
        why: "Once it leaks, anybody can publish under your name until somebody notices.",
        remedy: "let the registry trust the identity of this workflow, and add `id-token: write` to the job",
        same: &["zizmor/use-trusted-publishing"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        if step.is_one_of(&["pypa/gh-action-pypi-publish"])
            && let Some(password) = step.with("password")
        {
            hits.of(password, step.about());
        }
        let commands = step.script().into_iter().flat_map(|script| script.all());
        for command in commands.filter(|command| is_registry(command) && has_token(&step, command)) {
            hits.at(command.line, format!("{}: {}", step.about(), command.shown()));
        }
    }
}

/// Whether it publishes to a registry that knows the identities of workflows.
fn is_registry(command: &Command) -> bool {
    is_publish(command)
        && matches!(
            command.program(),
            "cargo"
                | "gem"
                | "npm"
                | "pnpm"
                | "twine"
                | "uv"
                | "poetry"
                | "hatch"
                | "flit"
                | "python"
                | "python3"
        )
}

/// Whether a secret is its token.
pub(super) fn has_token(step: &Step<'_>, command: &Command) -> bool {
    let is_secret = |value: &Marked| {
        let parts = inserted(value.text().unwrap_or_default());
        parts.iter().any(|part| part.expression.flows().iter().any(|path| path.starts_with("secrets.")))
    };
    let by_variable = TOKENS.iter().any(|name| step.variable(name).is_some_and(is_secret));
    by_variable || command.args().iter().any(|word| word.text.contains("${{ secrets."))
}

const TOKENS: &[&str] = &[
    "CARGO_REGISTRY_TOKEN",
    "CRATES_IO_TOKEN",
    "GEM_HOST_API_KEY",
    "HATCH_INDEX_AUTH",
    "FLIT_PASSWORD",
    "NODE_AUTH_TOKEN",
    "NPM_TOKEN",
    "POETRY_PYPI_TOKEN_PYPI",
    "TWINE_PASSWORD",
    "UV_PUBLISH_TOKEN",
];
