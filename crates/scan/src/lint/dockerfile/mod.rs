//! Dockerfiles and Containerfiles (<https://docs.docker.com/reference/dockerfile/>).
//!
//! A new rule is one file here and one row in [`RULES`].

mod copied_secret;
mod fetch_into_shell;
mod host_network;
mod image_without_digest;
mod insecure_run;
mod latest_image;
mod mode;
mod no_healthcheck;
mod package_lists;
mod packages;
mod password_set;
mod pipe_hides_failure;
mod plain_fetch;
mod read;
mod recommended_packages;
mod relative_workdir;
mod remote_add;
mod repeated_command;
mod root_user;
mod secret_value;
mod server_unchecked;
mod setuid;
mod shell_entrypoint;
mod ssh_port;
mod subject;
mod sudo;
mod unpinned_packages;
mod unsigned_packages;
mod update_alone;
mod upgrade;
mod writable_by_all;

pub use subject::{Base, Dockerfile, Flag, Form, HereDocument, Instruction, Run, Stage};

use super::file::{LintFile, name_of};
use super::language::{Language, Subject};
use super::rule::{Found, Rule, broken};
use super::unread::Unread;

/// The language.
pub const LANGUAGE: Language = Language {
    name: "Dockerfile",
    subject: Subject::Infrastructure,
    reads: |path| is_named(&name_of(path)),
    claims,
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Dockerfile>] = &[
    &root_user::RULE,
    &latest_image::RULE,
    &image_without_digest::RULE,
    &fetch_into_shell::RULE,
    &server_unchecked::RULE,
    &plain_fetch::RULE,
    &secret_value::RULE,
    &copied_secret::RULE,
    &remote_add::RULE,
    &sudo::RULE,
    &writable_by_all::RULE,
    &setuid::RULE,
    &recommended_packages::RULE,
    &package_lists::RULE,
    &unpinned_packages::RULE,
    &upgrade::RULE,
    &update_alone::RULE,
    &ssh_port::RULE,
    &shell_entrypoint::RULE,
    &no_healthcheck::RULE,
    &insecure_run::RULE,
    &host_network::RULE,
    &unsigned_packages::RULE,
    &relative_workdir::RULE,
    &repeated_command::RULE,
    &pipe_hides_failure::RULE,
    &password_set::RULE,
];

/// Whether a file of this name is built by convention.
fn is_named(name: &str) -> bool {
    let is_one = |stem: &str| {
        name == stem || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(['.', '-', '_']))
    };
    let is_listed = is_one("dockerfile") || is_one("containerfile");
    let ends = [".dockerfile", ".containerfile"].iter().any(|end| name.ends_with(end));
    (is_listed || ends) && !name.ends_with(".dockerignore") && !name.ends_with(".containerignore")
}

/// A file whose name is that of a Dockerfile alone is one. With the end of another sort, such as `dockerfile.rs`, it is one if its first
/// instruction is one that begins a Dockerfile.
fn claims(file: &LintFile) -> bool {
    let name = name_of(file.path());
    let end = name.rsplit('.').next().unwrap_or_default();
    let mut lines =
        file.text().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    !OTHERS.contains(&end) || ["from", "arg"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

fn judge(file: &LintFile) -> Result<Vec<Found>, Unread> {
    let text = file.text();
    if text.len() > BYTES_MAX {
        return Err("it has more than 4 MiB, so no person wrote it".into());
    }
    match read::read(text) {
        Ok(read) => Ok(broken(RULES, &read)),
        Err(Unread::Fault(why)) if has_mark(text, &why) => Err(Unread::Template),
        Err(why) => Err(why),
    }
}

/// Whether the line that a fault names has a mark of a template. A mark elsewhere is not the reason why a file cannot be read.
fn has_mark(text: &str, why: &str) -> bool {
    let number = why.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    let line = number.and_then(|number| text.lines().nth(number.checked_sub(1)?)).unwrap_or_default();
    ["{{", "{%", "<%", "%%", "@@"].iter().any(|mark| line.contains(mark))
}

const BYTES_MAX: usize = 4 << 20;
/// Ends of files that are about Dockerfiles.
const OTHERS: &[&str] = &[
    "c", "cs", "css", "go", "html", "java", "js", "json", "jsx", "kt", "lock", "lua", "md", "php", "png",
    "ps1", "py", "rb", "rs", "rst", "scala", "sh", "snap", "svg", "swift", "toml", "ts", "tsx", "txt", "vim",
    "xml", "yaml", "yml",
];
