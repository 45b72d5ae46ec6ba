//! `terraform-key-vault-no-purge-protection`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-key-vault-no-purge-protection",
        severity: Severity::Medium,
        title: "the keys of a vault can be destroyed for good",
        why: "An attacker or a mistake makes everything that they encrypt unreadable, without a way back.",
        remedy: "set `purge_protection_enabled = true`",
        same: &["CKV_AZURE_110", "CKV_AZURE_42"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for vault in
        plan.of(&["azurerm_key_vault"]).filter(|vault| vault.is_off_or_unset("purge_protection_enabled"))
    {
        hits.at(0, vault.address());
    }
}
