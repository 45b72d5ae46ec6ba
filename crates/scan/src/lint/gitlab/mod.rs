//! GitLab CI (<https://docs.gitlab.com/ci/yaml/>).
//!
//! A new rule is one file here and one row in [`RULES`].

mod debug_trace;
mod deployment_everywhere;
mod deployment_skips_tests;
mod deployment_without_environment;
mod docker_without_tls;
mod failure_hidden;
mod fetch_into_shell;
mod image_without_digest;
mod latest_image;
mod moving_include;
mod public_artifacts;
mod remote_include;
mod scan_may_fail;
mod scan_off;
mod secret_value;
mod server_unchecked;
mod shared_cache;
mod subject;
mod text_in_shell;
mod text_without_quotes;

pub use subject::{Job, Pipeline, Variable};

use super::file::{LintFile, ends_in, name_of};
use super::marked::Marked;
use super::rule::{Found, Rule, broken};
use super::{Language, Subject};

/// The language.
pub const LANGUAGE: Language = Language {
    name: "GitLab CI",
    subject: Subject::Pipelines,
    reads: |path| ends_in(path, &[".yaml", ".yml"]) && (is_named(path) || is_beside(path)),
    claims: |file| is_named(file.path()) || file.is_of(has_jobs, &["script"]),
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Pipeline>] = &[
    &latest_image::RULE,
    &image_without_digest::RULE,
    &secret_value::RULE,
    &fetch_into_shell::RULE,
    &server_unchecked::RULE,
    &text_in_shell::RULE,
    &text_without_quotes::RULE,
    &remote_include::RULE,
    &moving_include::RULE,
    &scan_may_fail::RULE,
    &scan_off::RULE,
    &docker_without_tls::RULE,
    &shared_cache::RULE,
    &public_artifacts::RULE,
    &deployment_without_environment::RULE,
    &deployment_everywhere::RULE,
    &deployment_skips_tests::RULE,
    &debug_trace::RULE,
    &failure_hidden::RULE,
];

/// Whether the name says that it is one: `.gitlab-ci.yml`, `deploy.gitlab-ci.yml`.
fn is_named(path: &str) -> bool {
    name_of(path).contains("gitlab-ci")
}

/// Whether it stands where included files stand.
fn is_beside(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, ".gitlab" | ".gitlab-ci" | "gitlab-ci" | ".gitlab-ci.d"))
}

fn has_jobs(document: &Marked) -> bool {
    document.entries().any(|(_, job)| job.get("script").is_some() || job.get("extends").is_some())
}

/// The document with the jobs is the last one: before it `spec` may stand.
fn judge(file: &LintFile) -> Result<Vec<Found>, String> {
    // GitLab itself takes 2 MiB (<https://docs.gitlab.com/administration/instance_limits/#maximum-size-and-depth-of-cicd-configuration-yaml-files>).
    if file.text().len() > BYTES_MAX {
        return Err("it has more than 4 MiB, which GitLab refuses".to_owned());
    }
    let documents = file.documents()?;
    let jobs = documents.iter().filter(|document| document.is_map());
    Ok(jobs.flat_map(|document| broken(RULES, &Pipeline::of(file.text(), document))).collect())
}

const BYTES_MAX: usize = 4 << 20;
