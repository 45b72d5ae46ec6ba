//! Terraform and OpenTofu: plans as `terraform show -json` writes them.
//!
//! Files of the language itself are not judged: what they make is known only once modules, variables and data are resolved, which a
//! plan has done. A new rule is one file here and one row in [`RULES`].

mod balancer_no_log;
mod bucket_no_log;
mod bucket_no_versions;
mod bucket_policy_public;
mod cluster_legacy;
mod cluster_no_log;
mod cluster_open;
mod cluster_secrets_unencrypted;
mod container_privileged;
mod containers;
mod database_no_backup;
mod database_no_deletion_protection;
mod database_open;
mod database_plain_connection;
mod database_public;
mod database_unencrypted;
mod function_open;
mod google_basic_role;
mod google_iam_public;
mod host_full_scope;
mod host_password;
mod host_serial_port;
mod iam_access_key;
mod iam_admin;
mod iam_trust_everybody;
mod iam_user_policy;
mod iam_wildcard;
mod instance_metadata_v1;
mod instance_public_address;
mod key_no_rotation;
mod key_vault_no_purge_protection;
mod network_no_flow_logs;
mod oidc_trust_any_repository;
mod old_tls;
mod open_admin_port;
mod open_port;
mod openings;
mod owners;
mod password_in_code;
mod plain_http;
mod plan;
mod policies;
mod public_access_block_off;
mod public_bucket;
mod queue_unencrypted;
mod registry_admin;
mod registry_mutable_tags;
mod registry_no_scan;
mod resource;
mod resource_policy_public;
mod secret_in_clear;
mod secret_no_rotation;
mod storage_account_public;
mod trail_incomplete;
mod vault_open_network;
mod volume_unencrypted;

pub use plan::Plan;
pub use resource::{Block, Resource};

use super::file::{LintFile, ends_in, has_key};
use super::rule::{Found, Rule, broken};
use super::{Language, Subject, json};

/// The language.
pub const LANGUAGE: Language = Language {
    name: "Terraform",
    subject: Subject::Infrastructure,
    reads: |path| ends_in(path, &[".json"]),
    claims: |file| {
        let has = |key: &dyn Fn(&str) -> bool| {
            key("format_version") && (key("planned_values") || key("resource_changes"))
        };
        match json::keys(file.text()) {
            Some(keys) => has(&|key| keys.iter().any(|known| known == key)),
            None => file.text().trim_start().starts_with('{') && has(&|key| has_key(file.text(), key)),
        }
    },
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Plan>] = &[
    &open_admin_port::RULE,
    &open_port::RULE,
    &iam_admin::RULE,
    &iam_wildcard::RULE,
    &iam_trust_everybody::RULE,
    &oidc_trust_any_repository::RULE,
    &iam_access_key::RULE,
    &iam_user_policy::RULE,
    &bucket_policy_public::RULE,
    &resource_policy_public::RULE,
    &public_bucket::RULE,
    &public_access_block_off::RULE,
    &storage_account_public::RULE,
    &plain_http::RULE,
    &old_tls::RULE,
    &volume_unencrypted::RULE,
    &database_unencrypted::RULE,
    &queue_unencrypted::RULE,
    &database_public::RULE,
    &database_open::RULE,
    &database_no_backup::RULE,
    &database_no_deletion_protection::RULE,
    &database_plain_connection::RULE,
    &trail_incomplete::RULE,
    &network_no_flow_logs::RULE,
    &bucket_no_log::RULE,
    &bucket_no_versions::RULE,
    &balancer_no_log::RULE,
    &key_no_rotation::RULE,
    &instance_metadata_v1::RULE,
    &instance_public_address::RULE,
    &secret_in_clear::RULE,
    &password_in_code::RULE,
    &registry_mutable_tags::RULE,
    &registry_no_scan::RULE,
    &registry_admin::RULE,
    &cluster_open::RULE,
    &cluster_legacy::RULE,
    &function_open::RULE,
    &google_iam_public::RULE,
    &google_basic_role::RULE,
    &container_privileged::RULE,
    &secret_no_rotation::RULE,
    &key_vault_no_purge_protection::RULE,
    &vault_open_network::RULE,
    &host_password::RULE,
    &host_full_scope::RULE,
    &host_serial_port::RULE,
    &cluster_no_log::RULE,
    &cluster_secrets_unencrypted::RULE,
];

fn judge(file: &LintFile) -> Result<Vec<Found>, String> {
    Ok(broken(RULES, &Plan::read(file.text())?))
}
