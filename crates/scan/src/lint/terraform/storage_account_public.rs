//! `terraform-storage-account-public`.
//!
//! The provider writes its default, which is `true`, into the plan.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-storage-account-public",
        severity: Severity::Medium,
        title: "containers of a storage account may be made public",
        why: "Anybody who may create a container can open it to the internet, on purpose or by mistake.",
        remedy: "set `allow_nested_items_to_be_public = false`",
        same: &["CKV_AZURE_190"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for account in plan.of(&["azurerm_storage_account"]) {
        let keys = ["allow_nested_items_to_be_public", "allow_blob_public_access"];
        if keys.iter().any(|key| account.is_on(key)) {
            hits.at(0, account.address());
        }
    }
}
