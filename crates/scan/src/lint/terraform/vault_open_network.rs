//! `terraform-vault-open-network`.

use evidence::document::findings::Severity;

use super::Plan;
use super::owners::Owners;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-vault-open-network",
        severity: Severity::Medium,
        title: "a vault or storage account takes requests from every network",
        why: "A token that leaks can be used from anywhere.",
        remedy: "deny by default in its network rules, and allow the networks that need it",
        same: &["CKV_AZURE_109", "CKV_AZURE_35"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let ruled = Owners::of(
        plan.of(&["azurerm_storage_account_network_rules"])
            .filter(|rules| rules.text("default_action") != Some("Allow")),
        "storage_account_id",
    );
    for (kind, key) in [("azurerm_key_vault", "network_acls"), ("azurerm_storage_account", "network_rules")] {
        for block in plan.of(&[kind]).filter(|block| !block.is_off("public_network_access_enabled")) {
            let allows = block.blocks(key).any(|rules| rules.text("default_action") == Some("Allow"));
            let is_ruled = kind == "azurerm_storage_account" && ruled.may_have(&block);
            if allows || (block.is_unset(key) && !is_ruled) {
                hits.at(0, block.address());
            }
        }
    }
}
