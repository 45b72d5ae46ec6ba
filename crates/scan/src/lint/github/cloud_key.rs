//! `github-cloud-key`.

use evidence::document::findings::Severity;

use super::Workflow;
use super::expression::inserted;
use super::subject::Step;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-cloud-key",
        severity: Severity::Medium,
        title: "a cloud is entered by a key that does not expire",
        why: "Once it leaks, anybody can use the key from anywhere until somebody notices.",
        remedy: "let the cloud trust the identity of the workflow, and add `id-token: write` to the job",
        same: &[],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    look(workflow.node.get("env"), "the workflow", hits);
    for job in workflow.jobs() {
        look(job.node.get("env"), &job.about(), hits);
        for step in job.steps() {
            look(step.node.get("env"), &step.about(), hits);
            if let Some(node) = key_of(&step) {
                hits.of(node, step.about());
            }
        }
    }
}

fn look(map: Option<&Marked>, about: &str, hits: &mut Hits) {
    for (name, value) in map.into_iter().flat_map(Marked::entries) {
        if VARIABLES.contains(&name) && is_secret(value) {
            hits.of(value, format!("{about}: {name}"));
        }
    }
}

fn key_of<'a>(step: &Step<'a>) -> Option<&'a Marked> {
    let uses = step.uses()?;
    let (_, input) = INPUTS.iter().find(|(name, _)| *name == uses.name)?;
    // With a session token the key is one that expires.
    step.with(input).filter(|value| is_secret(value) && step.with("aws-session-token").is_none())
}

/// Whether a secret of the repository is the value.
fn is_secret(value: &Marked) -> bool {
    let parts = inserted(value.text().unwrap_or_default());
    parts.iter().any(|part| part.expression.flows().iter().any(|path| path.starts_with("secrets.")))
}

const VARIABLES: &[&str] = &[
    "AWS_SECRET_ACCESS_KEY",
    "ARM_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "AZURE_CREDENTIALS",
    "GOOGLE_CREDENTIALS",
];
const INPUTS: &[(&str, &str)] = &[
    ("aws-actions/configure-aws-credentials", "aws-secret-access-key"),
    ("google-github-actions/auth", "credentials_json"),
    ("google-github-actions/setup-gcloud", "service_account_key"),
    ("azure/login", "creds"),
];
