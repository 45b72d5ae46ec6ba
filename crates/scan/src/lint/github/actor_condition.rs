//! `github-actor-condition`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::Expression;
use super::subject::condition;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-actor-condition",
        severity: Severity::Medium,
        title: "a condition trusts the name of the account that acted last",
        why: "A stranger can let the bot act on their own change, and then the condition holds for code that the bot did not write.",
        remedy: "compare `github.event.pull_request.user.login`, which names the author",
        same: &["zizmor/bot-conditions"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    if !workflow.is_public() {
        return;
    }
    for job in workflow.jobs() {
        look(job.node, job.about(), hits);
        for step in job.steps() {
            look(step.node, step.about(), hits);
        }
    }
}

fn look(node: &Marked, about: String, hits: &mut Hits) {
    if condition(node).is_some_and(|condition| condition.any(trusts_name)) {
        hits.of(node.get("if").unwrap_or(node), about);
    }
}

fn trusts_name(one: &Expression) -> bool {
    let is_actor =
        |side: &Expression| matches!(side, Expression::Path(path) if ACTORS.contains(&path.as_str()));
    let is_bot = |side: &Expression| matches!(side, Expression::Literal(text) if text.ends_with("[bot]"));
    match one {
        Expression::Pair("==", sides) => sides.iter().any(is_actor) && sides.iter().any(is_bot),
        Expression::Call(name, arguments) => {
            let is_compared = matches!(name.as_str(), "contains" | "startswith" | "endswith");
            let names_bot =
                |side: &Expression| matches!(side, Expression::Literal(text) if text.contains("bot"));
            is_compared && arguments.iter().any(is_actor) && arguments.iter().any(names_bot)
        }
        _ => false,
    }
}

const ACTORS: &[&str] = &["github.actor", "github.triggering_actor", "github.event.sender.login"];
