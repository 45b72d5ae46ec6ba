//! Docker Compose: files of services (<https://docs.docker.com/reference/compose-file/>).
//!
//! A new rule is one file here and one row in [`RULES`].

mod dangerous_capability;
mod docker_port;
mod host_device;
mod host_ipc;
mod host_network;
mod host_pid;
mod host_users;
mod image_without_digest;
mod interpolation;
mod latest_image;
mod new_privileges;
mod no_memory_limit;
mod no_process_limit;
mod open_database;
mod port;
mod privileged;
mod root_user;
mod runtime_socket;
mod secret_in_build;
mod secret_in_env;
mod security_off;
mod sensitive_directory;
mod subject;

pub use subject::Service;

use super::file::{LintFile, ends_in, name_of};
use super::marked::Marked;
use super::rule::{Found, Rule, broken};
use super::{Language, Subject};

/// The language.
pub const LANGUAGE: Language = Language {
    name: "Docker Compose",
    subject: Subject::Infrastructure,
    reads: |path| ends_in(path, &[".yaml", ".yml", ".json"]),
    claims: |file| is_named(file.path()) || file.is_of(has_services, &["services", "image"]),
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Service>] = &[
    &privileged::RULE,
    &runtime_socket::RULE,
    &sensitive_directory::RULE,
    &host_device::RULE,
    &host_network::RULE,
    &host_pid::RULE,
    &host_ipc::RULE,
    &host_users::RULE,
    &dangerous_capability::RULE,
    &root_user::RULE,
    &security_off::RULE,
    &new_privileges::RULE,
    &no_memory_limit::RULE,
    &no_process_limit::RULE,
    &latest_image::RULE,
    &image_without_digest::RULE,
    &open_database::RULE,
    &docker_port::RULE,
    &secret_in_env::RULE,
    &secret_in_build::RULE,
];

fn judge(file: &LintFile) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for document in file.documents()? {
        for service in Service::all_of(document)? {
            found.extend(broken(RULES, &service));
        }
    }
    Ok(found)
}

/// Whether a file has a name by which Compose finds it, or one that people give it beside that.
fn is_named(path: &str) -> bool {
    let name = name_of(path);
    let begins = ["docker-compose", "docker-stack", "compose.", "compose-"]
        .iter()
        .any(|begin| name.starts_with(begin));
    begins && ends_in(path, &[".yaml", ".yml"])
}

/// Whether a document has services that are containers. Other tools have services too.
fn has_services(document: &Marked) -> bool {
    let services = document.get("services").filter(|_| document.get("apiVersion").is_none());
    let mut services = services.into_iter().flat_map(Marked::entries);
    services.any(|(_, service)| service.get("image").is_some() || service.get("build").is_some())
}
