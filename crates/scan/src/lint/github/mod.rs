//! Workflows and actions of GitHub (<https://docs.github.com/en/actions>): files below `.github/workflows`, and `action.yml`.
//!
//! A new rule is one file here and one row in [`RULES`].

mod actor_condition;
mod all_secrets;
mod app_token;
mod archived_action;
mod cache_across_trust;
mod cache_in_release;
mod check_ignored;
mod cloud_key;
mod credentials_kept;
mod credentials_uploaded;
mod env_file;
mod event_in_code;
mod expression;
mod foreign_artifact;
mod foreign_checkout;
mod gate_skipped;
mod input_in_code;
mod known;
mod no_environment;
mod no_permissions;
mod no_provenance;
mod no_timeout;
mod origin;
mod pipe_to_shell;
mod plain_fetch;
mod privileged_trigger;
mod publish_token;
mod secret_literal;
mod secrets_inherit;
mod self_approval;
mod self_hosted;
mod subject;
mod tls_off;
mod unlocked_install;
mod unmasked_secret;
mod unpinned_action;
mod unpinned_image;
mod unsecure_commands;
mod unsound_condition;
mod unsound_contains;
mod unverified_download;
mod wide_scope;
mod wide_token;

pub use subject::{Job, Step, Workflow};

use super::file::{LintFile, ends_in, name_of};
use super::language::{Language, Subject};
use super::rule::{Found, Rule, broken};
use super::unread::Unread;

/// The language.
pub const LANGUAGE: Language = Language {
    name: "GitHub",
    subject: Subject::Pipelines,
    reads: |path| is_workflow(path) || is_action(path),
    claims: |file| {
        is_workflow(file.path())
            || file.is_of(|document| document.at(&["runs", "using"]).is_some(), &["runs", "using"])
    },
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Workflow>] = &[
    &actor_condition::RULE,
    &all_secrets::RULE,
    &app_token::RULE,
    &archived_action::RULE,
    &cache_across_trust::RULE,
    &cache_in_release::RULE,
    &check_ignored::RULE,
    &cloud_key::RULE,
    &credentials_kept::RULE,
    &credentials_uploaded::RULE,
    &env_file::RULE,
    &event_in_code::RULE,
    &foreign_artifact::RULE,
    &foreign_checkout::RULE,
    &gate_skipped::RULE,
    &input_in_code::RULE,
    &no_environment::RULE,
    &no_permissions::RULE,
    &no_provenance::RULE,
    &no_timeout::RULE,
    &pipe_to_shell::RULE,
    &plain_fetch::RULE,
    &privileged_trigger::RULE,
    &publish_token::RULE,
    &secret_literal::RULE,
    &secrets_inherit::RULE,
    &self_approval::RULE,
    &self_hosted::RULE,
    &tls_off::RULE,
    &unlocked_install::RULE,
    &unmasked_secret::RULE,
    &unpinned_action::RULE,
    &unpinned_image::RULE,
    &unsecure_commands::RULE,
    &unsound_condition::RULE,
    &unsound_contains::RULE,
    &unverified_download::RULE,
    &wide_scope::RULE,
    &wide_token::RULE,
];

/// Whether a file is below `.github/workflows`, of this repository or of one that is copied into it.
fn is_workflow(path: &str) -> bool {
    let dir = path.rsplit_once('/').map(|(dir, _)| dir).unwrap_or_default();
    (dir == DIR || dir.strip_suffix(DIR).is_some_and(|before| before.ends_with('/')))
        && ends_in(path, &[".yml", ".yaml"])
}

fn is_action(path: &str) -> bool {
    matches!(name_of(path).as_str(), "action.yml" | "action.yaml")
}

fn judge(file: &LintFile) -> Result<Vec<Found>, Unread> {
    let is_action = !is_workflow(file.path());
    let mut found = Vec::new();
    // Braces are expressions here: a workflow that cannot be read is no template.
    let documents = file.documents().map_err(|_| "it is no YAML, or a key stands twice")?;
    for document in documents {
        if !is_action && !document.get("jobs").is_some_and(|jobs| jobs.is_map()) {
            return Err(format!("line {}: a workflow needs `jobs`", document.line).into());
        }
        found.extend(broken(RULES, &Workflow::of(document, file.text(), is_action)));
    }
    Ok(found)
}

const DIR: &str = ".github/workflows";
