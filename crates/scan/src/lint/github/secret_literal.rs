//! `github-secret-literal`.

use evidence::document::findings::Severity;

use super::Workflow;
use crate::lint::marked::Marked;
use crate::lint::plain_secret::{is_literal_secret, is_secret_name};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Workflow> = Rule {
    facts: Facts {
        id: "github-secret-literal",
        severity: Severity::High,
        title: "a secret stands readable in the file",
        why: "Everybody who can read the repository, now or at any later time, has it.",
        remedy: "revoke it, store a new one as a secret of an environment, and write `${{ secrets.NAME }}`",
        same: &["zizmor/hardcoded-container-credentials"],
    },
    check,
};

fn check(workflow: &Workflow, hits: &mut Hits) {
    look(workflow.node.get("env"), "the workflow", hits);
    for job in workflow.jobs() {
        look(job.node.get("env"), &job.about(), hits);
        for (_, service) in job.node.get("services").into_iter().flat_map(Marked::entries) {
            credentials(service, &job.about(), hits);
        }
        if let Some(container) = job.node.get("container") {
            credentials(container, &job.about(), hits);
            look(container.get("env"), &job.about(), hits);
        }
        for step in job.steps() {
            look(step.node.get("env"), &step.about(), hits);
            look(step.node.get("with"), &step.about(), hits);
        }
    }
}

fn look(map: Option<&Marked>, about: &str, hits: &mut Hits) {
    for (name, value) in map.into_iter().flat_map(Marked::entries) {
        let is_secret =
            |text: &str| is_literal_secret(text) && !KNOWN.contains(&text.to_ascii_lowercase().as_str());
        let is_name = |text: &str| NAMES.contains(&name) && is_variable(text);
        if is_secret_name(name) && value.text().is_some_and(|text| is_secret(text) && !is_name(text)) {
            hits.of(value, format!("{about}: {name}"));
        }
    }
}

/// The password for a registry.
fn credentials(container: &Marked, about: &str, hits: &mut Hits) {
    let password = container.at(&["credentials", "password"]);
    if let Some(node) =
        password.filter(|node| node.text().is_some_and(|text| !text.contains("${{") && !text.is_empty()))
    {
        hits.of(node, format!("{about}: password of a registry"));
    }
}

/// Whether a text has the form of a variable's name.
fn is_variable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Inputs that have the name of a variable, not its value (<https://github.com/actions/setup-java#usage>).
const NAMES: &[&str] = &["gpg-passphrase", "server-password"];
/// Passwords of services that live as long as the job, and of tests: they guard nothing.
const KNOWN: &[&str] = &[
    "admin",
    "changeme",
    "dummy",
    "example",
    "foo",
    "guest",
    "minioadmin",
    "mysql",
    "not-a-secret",
    "password",
    "postgres",
    "redis",
    "root",
    "secret",
    "test",
    "testing",
    "testpass",
    "token",
];
