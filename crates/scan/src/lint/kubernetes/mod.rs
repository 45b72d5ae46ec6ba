//! Kubernetes: manifests as YAML or JSON, each document an object (<https://kubernetes.io/docs/concepts/overview/working-with-objects/>).
//!
//! A new rule is one file here and one row in [`RULES`].

mod added_capability;
mod always_allow;
mod anonymous_auth;
mod anonymous_bound;
mod apparmor_unconfined;
mod capabilities_kept;
mod certificate_not_verified;
mod cluster_admin;
mod dangerous_capability;
mod default_account_bound;
mod default_account_token;
mod default_namespace;
mod etcd_open;
mod everybody_bound;
mod external_ips;
mod grant;
mod host_ipc;
mod host_network;
mod host_path;
mod host_pid;
mod host_port;
mod host_process;
mod image_without_digest;
mod ingress_snippet;
mod ingress_without_tls;
mod insecure_port;
mod kubeconfig_credentials;
mod latest_image;
mod no_audit_log;
mod no_cpu_limit;
mod no_memory_limit;
mod no_probe;
mod no_seccomp;
mod open_load_balancer;
mod open_network_policy;
mod password_file;
mod pod_security_off;
mod privilege_escalation;
mod privileged;
mod proc_mount;
mod program;
mod role_escalation;
mod role_exec;
mod role_of_everything;
mod role_reads_secrets;
mod role_wildcard;
mod root_allowed;
mod root_user;
mod runtime_socket;
mod seccomp_unconfined;
mod secret_as_env;
mod secret_in_config_map;
mod secret_in_env;
mod secret_in_file;
mod selinux_options;
mod sensitive_host_path;
mod service_token;
mod subject;
mod unsafe_sysctl;
mod webhook_fails_open;
mod writable_root;

pub use subject::{Container, Object, Part};

use super::file::{LintFile, ends_in};
use super::rule::{Found, Rule, broken};
use super::{Language, Subject};

/// The language.
pub const LANGUAGE: Language = Language {
    name: "Kubernetes",
    subject: Subject::Infrastructure,
    reads: |path| ends_in(path, &[".yaml", ".yml", ".json"]),
    claims: |file| {
        file.is_of(
            |document| document.get("apiVersion").is_some() && document.get("kind").is_some(),
            &["apiVersion", "kind"],
        )
    },
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Object>] = &[
    &privileged::RULE,
    &root_user::RULE,
    &root_allowed::RULE,
    &privilege_escalation::RULE,
    &dangerous_capability::RULE,
    &added_capability::RULE,
    &capabilities_kept::RULE,
    &runtime_socket::RULE,
    &sensitive_host_path::RULE,
    &host_path::RULE,
    &host_network::RULE,
    &host_pid::RULE,
    &host_ipc::RULE,
    &host_port::RULE,
    &host_process::RULE,
    &seccomp_unconfined::RULE,
    &no_seccomp::RULE,
    &apparmor_unconfined::RULE,
    &selinux_options::RULE,
    &unsafe_sysctl::RULE,
    &proc_mount::RULE,
    &writable_root::RULE,
    &no_memory_limit::RULE,
    &no_cpu_limit::RULE,
    &latest_image::RULE,
    &image_without_digest::RULE,
    &no_probe::RULE,
    &service_token::RULE,
    &default_account_token::RULE,
    &default_account_bound::RULE,
    &cluster_admin::RULE,
    &anonymous_bound::RULE,
    &everybody_bound::RULE,
    &role_of_everything::RULE,
    &role_wildcard::RULE,
    &role_escalation::RULE,
    &role_reads_secrets::RULE,
    &role_exec::RULE,
    &secret_in_env::RULE,
    &secret_as_env::RULE,
    &secret_in_config_map::RULE,
    &secret_in_file::RULE,
    &kubeconfig_credentials::RULE,
    &certificate_not_verified::RULE,
    &open_load_balancer::RULE,
    &external_ips::RULE,
    &ingress_without_tls::RULE,
    &ingress_snippet::RULE,
    &open_network_policy::RULE,
    &default_namespace::RULE,
    &pod_security_off::RULE,
    &webhook_fails_open::RULE,
    &anonymous_auth::RULE,
    &insecure_port::RULE,
    &always_allow::RULE,
    &password_file::RULE,
    &etcd_open::RULE,
    &no_audit_log::RULE,
];

fn judge(file: &LintFile) -> Result<Vec<Found>, String> {
    let objects = file.documents()?.iter().flat_map(Object::all_of);
    Ok(objects.flat_map(|object| broken(RULES, &object)).collect())
}
