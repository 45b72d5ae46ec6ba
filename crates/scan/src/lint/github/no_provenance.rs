//! `github-no-provenance`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::publish_token::has_token;
use super::subject::Step;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-no-provenance",
        severity: Severity::Low,
        title: "a package is published without provenance",
        why: "Its users cannot tell whether this workflow built it, or somebody with a stolen token.",
        remedy: "add `--provenance`, and `id-token: write` to the permissions of the job; leave `attestations` on",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        let is_off = |input: &str| step.with(input).filter(|value| value.is_false());
        if step.is_one_of(&["pypa/gh-action-pypi-publish"])
            && let Some(node) = is_off("attestations")
        {
            hits.of(node, step.about());
        }
        if step.is_one_of(&["docker/build-push-action"])
            && let Some(node) =
                is_off("provenance").filter(|_| step.with("push").is_some_and(|push| push.is_true()))
        {
            hits.of(node, step.about());
        }
        let commands = step.script().into_iter().flat_map(|script| script.all());
        for command in commands.filter(|command| is_bare(&step, command)) {
            hits.at(command.line, format!("{}: {}", step.about(), command.shown()));
        }
    }
}

/// Whether npm publishes by a token and says nothing of where the package was built. Without a token it does so by itself
/// (<https://docs.npmjs.com/generating-provenance-statements>).
fn is_bare(step: &Step<'_>, command: &Command) -> bool {
    let is_npm = matches!(command.program(), "npm" | "pnpm")
        && command.operands().next().is_some_and(|word| word.text == "publish");
    let asks = command.args().iter().any(|word| word.text.starts_with("--provenance"))
        || ["NPM_CONFIG_PROVENANCE", "npm_config_provenance"]
            .iter()
            .any(|name| step.variable(name).is_some());
    is_npm && !asks && !command.has(&["--dry-run"]) && has_token(step, command)
}
