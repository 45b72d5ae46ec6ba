//! Build scripts: scripts of a shell, Makefiles, Jenkinsfiles and the scripts of `package.json`.
//!
//! A new rule is one file here and one row in [`RULES`].

mod check_ignored;
mod eval_outside;
mod groovy;
mod groovy_secret;
mod groovy_text;
mod install_hook;
mod make;
mod pipe_to_shell;
mod plain_fetch;
mod subject;
mod tls_off;
mod traced_secret;
mod unsigned_packages;
mod unverified_download;
mod world_writable;

pub use subject::{Kind, Source};

use super::file::LintFile;
use super::language::{Language, Subject};
use super::rule::{Found, Rule, broken};
use super::unread::Unread;

/// The language.
pub const LANGUAGE: Language = Language {
    name: "Scripts",
    subject: Subject::Pipelines,
    reads: |path| Kind::of(path).is_some(),
    claims: |file| {
        Kind::of(file.path()) != Some(Kind::Package)
            || file.is_of(|document| document.get("scripts").is_some(), &["scripts"])
    },
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Source>] = &[
    &check_ignored::RULE,
    &eval_outside::RULE,
    &groovy_secret::RULE,
    &groovy_text::RULE,
    &install_hook::RULE,
    &pipe_to_shell::RULE,
    &plain_fetch::RULE,
    &tls_off::RULE,
    &traced_secret::RULE,
    &unsigned_packages::RULE,
    &unverified_download::RULE,
    &world_writable::RULE,
];

fn judge(file: &LintFile) -> Result<Vec<Found>, Unread> {
    let kind = Kind::of(file.path()).ok_or("it is no build script")?;
    Ok(broken(RULES, &Source::of(file, kind)?))
}
