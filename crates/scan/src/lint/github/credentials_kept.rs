//! `github-credentials-kept`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::subject::Step;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-credentials-kept",
        severity: Severity::Low,
        title: "the token stays in the files of the checkout",
        why: "Each later step, and each program that it runs, can read the token from the configuration of git.",
        remedy: "add `persist-credentials: false` to the checkout",
        same: &["zizmor/artipacked"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for job in workflow.jobs() {
        let steps = job.steps();
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| keeps_token(step)) {
            // A push needs the token.
            if !steps.get(at + 1..).unwrap_or_default().iter().any(pushes) {
                hits.of(step.node.get("uses").unwrap_or(step.node), step.about());
            }
        }
    }
}

/// Whether it is a checkout that keeps the token, as it does by default (<https://github.com/actions/checkout#usage>).
pub(super) fn keeps_token(step: &Step<'_>) -> bool {
    step.is_one_of(&["actions/checkout"])
        && !step.with("persist-credentials").is_some_and(|value| value.is_false())
}

fn pushes(step: &Step<'_>) -> bool {
    let by_action = step.is_one_of(&[
        "ad-m/github-push-action",
        "endbug/add-and-commit",
        "peter-evans/create-pull-request",
        "stefanzweifel/git-auto-commit-action",
    ]);
    by_action
        || step.script().is_some_and(|script| {
            script.all().any(|command| command.program() == "git" && command.has(&["push", "fetch", "pull"]))
        })
}
