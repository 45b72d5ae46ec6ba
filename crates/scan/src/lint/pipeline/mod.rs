//! Our own files, `.countersign/pipeline.yaml` and `.countersign/release.yaml` (docs/pipeline.md).
//!
//! What their format refuses is no rule: such a file is not judged, and the finding says why. A new rule is one file here and one row in
//! [`RULES`].

mod database_owner;
mod failure_hidden;
mod fetch_into_shell;
mod no_dependency_scan;
mod no_secret_scan;
mod packages_beside_secrets;
mod pipe_hides_failure;
mod plain_network;
mod rollout_unjudged;
mod secret_value;
mod secret_variable;
mod server_unchecked;
mod ssh_root;
mod subject;
mod unlocked_packages;
mod wide_exits;
mod wide_network;

pub use subject::Description;

use super::file::LintFile;
use super::rule::{Found, Rule, broken};
use super::{Language, Subject};

/// The language.
pub const LANGUAGE: Language = Language {
    name: "countersign",
    subject: Subject::Pipelines,
    reads: |path| ends(path, evidence::pipeline::PATH) || ends(path, evidence::release_file::PATH),
    claims: |_| true,
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Description>] = &[
    &fetch_into_shell::RULE,
    &server_unchecked::RULE,
    &secret_value::RULE,
    &secret_variable::RULE,
    &packages_beside_secrets::RULE,
    &wide_network::RULE,
    &plain_network::RULE,
    &failure_hidden::RULE,
    &pipe_hides_failure::RULE,
    &wide_exits::RULE,
    &no_secret_scan::RULE,
    &no_dependency_scan::RULE,
    &unlocked_packages::RULE,
    &rollout_unjudged::RULE,
    &ssh_root::RULE,
    &database_owner::RULE,
];

/// Whether it is the file of the repository or of a project in it.
fn ends(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn judge(file: &LintFile) -> Result<Vec<Found>, String> {
    let is_pipeline = ends(file.path(), evidence::pipeline::PATH);
    let bytes = file.text().as_bytes();
    let checked = if is_pipeline {
        evidence::pipeline::Pipeline::parse(bytes).map(drop).map_err(|error| error.to_string())
    } else {
        evidence::release_file::ReleaseFile::parse(bytes).map(drop).map_err(|error| error.to_string())
    };
    checked?;
    let Some(root) = file.documents()?.first() else { return Err("it is empty".to_owned()) };
    Ok(broken(RULES, &Description::of(file.text(), root)))
}
