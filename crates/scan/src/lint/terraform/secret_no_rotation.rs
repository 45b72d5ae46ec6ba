//! `terraform-secret-no-rotation`.

use evidence::document::findings::Severity;

use super::Plan;
use super::owners::Owners;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-secret-no-rotation",
        severity: Severity::Low,
        title: "a secret is never replaced",
        why: "Whoever once read it can use it for good.",
        remedy: "add a rotation, or a date at which it ends",
        same: &["CKV2_AWS_57", "CKV_AZURE_41"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let rotated = Owners::of(plan.of(&["aws_secretsmanager_secret_rotation"]), "secret_id");
    for secret in plan.of(&["aws_secretsmanager_secret"]) {
        if secret.is_unset("rotation_rules") && !rotated.may_have(&secret) {
            hits.at(0, secret.address());
        }
    }
    for secret in plan.of(&["azurerm_key_vault_secret"]).filter(|secret| secret.is_unset("expiration_date")) {
        hits.at(0, secret.address());
    }
}
