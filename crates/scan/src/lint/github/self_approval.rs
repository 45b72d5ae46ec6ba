//! `github-self-approval`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::subject::Step;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::Command;

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-self-approval",
        severity: Severity::Medium,
        title: "a workflow approves or merges changes",
        why: "A change reaches the branch without another person, although rules of the branch ask for one.",
        remedy: "let a person approve, and let a queue merge when the required checks passed",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    for step in workflow.steps() {
        let line = by_command(&step).or_else(|| {
            approves(&step).then(|| step.node.get("uses").map_or(step.node.line, |uses| uses.line))
        });
        if let Some(line) = line {
            hits.at(line, step.about());
        }
    }
}

fn by_command(step: &Step<'_>) -> Option<u32> {
    step.script()?.all().find(|command| is_approval(command)).map(|command| command.line)
}

fn is_approval(command: &Command) -> bool {
    let operands: Vec<&str> = command.operands().map(|word| word.text.as_str()).collect();
    let is_event = |text: &str| text.contains("event=APPROVE");
    match (command.program(), operands.as_slice()) {
        ("gh", ["pr", "review", ..]) => command.has(&["--approve", "-a"]),
        ("gh", ["pr", "merge", ..]) => !command.has(&["--disable-auto"]),
        ("gh", ["api", rest @ ..]) => {
            rest.iter().any(|text| is_event(text))
                || rest.iter().any(|text| text.contains("/pulls/") && text.ends_with("/merge"))
        }
        _ => false,
    }
}

fn approves(step: &Step<'_>) -> bool {
    let script = step.with("script").and_then(|script| script.text()).unwrap_or_default();
    let by_script =
        script.contains("createReview") && script.contains("APPROVE") || script.contains("pulls.merge(");
    step.is_one_of(ACTIONS) || step.is_one_of(&["actions/github-script"]) && by_script
}

const ACTIONS: &[&str] = &[
    "ahmadnassri/action-dependabot-auto-merge",
    "fastify/github-action-merge-dependabot",
    "hmarr/auto-approve-action",
    "juliangruber/approve-pull-request-action",
    "juliangruber/merge-pull-request-action",
    "pascalgn/automerge-action",
    "peter-evans/enable-pull-request-automerge",
];
