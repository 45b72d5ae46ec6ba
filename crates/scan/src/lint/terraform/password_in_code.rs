//! `terraform-password-in-code`.
//!
//! Plans tell constants apart from variables: only a constant stands in the files.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};
use serde_json::Value;

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-password-in-code",
        severity: Severity::High,
        title: "a password or key stands in the files of Terraform",
        why: "Everybody who reads the repository or its history has it, and it stays there when it is changed.",
        remedy: "take it from a store of secrets or a sensitive variable, or let the cloud manage it",
        same: &["CKV_AWS_41"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for resource in &plan.resources {
        let block = resource.block();
        for key in PASSWORDS.iter().filter(|key| is_written(block.written(key))) {
            hits.at(0, format!("{}: {key}", block.address()));
        }
    }
    let providers =
        plan.configuration.get("provider_config").and_then(Value::as_object).into_iter().flatten();
    for (name, provider) in providers {
        for (key, expression) in provider.get("expressions").and_then(Value::as_object).into_iter().flatten()
        {
            if PROVIDER_KEYS.contains(&key.as_str()) && is_written(expression.get("constant_value")) {
                hits.at(0, format!("provider {name}: {key}"));
            }
        }
    }
}

fn is_written(value: Option<&Value>) -> bool {
    value.and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

const PASSWORDS: [&str; 10] = [
    "password",
    "master_password",
    "admin_password",
    "administrator_login_password",
    "administrator_password",
    "root_password",
    "auth_token",
    "secret_string",
    "client_secret",
    "private_key",
];
const PROVIDER_KEYS: [&str; 9] = [
    "access_key",
    "secret_key",
    "token",
    "password",
    "client_secret",
    "api_key",
    "api_token",
    "credentials",
    "private_key",
];
