//! `github-privileged-trigger`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::{Expression, inserted};
use super::subject::Job;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-privileged-trigger",
        severity: Severity::Low,
        title: "a change by anybody starts jobs that have secrets or may write",
        why: "One mistake, such as fetching the change or printing its title, gives a stranger all that the jobs have.",
        remedy: "use `pull_request`, or let the workflow have no secrets and only rights to read",
        same: &["zizmor/dangerous-triggers"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    let Some(trigger) = workflow.triggers.iter().find(|own| TRIGGERS.contains(&own.as_str())) else { return };
    let jobs = workflow.jobs();
    let has_secrets = |job: &Job<'_>| job.may_write() || uses_secrets(job);
    if let Some(job) = jobs.iter().find(|job| has_secrets(job)) {
        let line = workflow.node.get("on").map_or(0, |on| workflow.line_of_entry(on, trigger));
        hits.at(line, format!("{trigger}, {}", job.about()));
    }
}

/// Whether it uses a secret other than its token.
fn uses_secrets(job: &Job<'_>) -> bool {
    let is_secret = |one: &Expression| matches!(one, Expression::Path(path) if path.starts_with("secrets") && path != "secrets.github_token");
    let mut found = job.node.get("secrets").is_some();
    job.node.each(&mut |_, node| {
        let parts = inserted(node.text().unwrap_or_default());
        found |= parts.iter().any(|part| part.expression.any(is_secret));
    });
    found
}

/// These two exist to give rights to changes of strangers.
const TRIGGERS: &[&str] = &["pull_request_target", "workflow_run"];
