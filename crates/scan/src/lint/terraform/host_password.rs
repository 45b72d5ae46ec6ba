//! `terraform-host-password`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-host-password",
        severity: Severity::Medium,
        title: "a host takes passwords for SSH",
        why: "Automatic attacks try them day and night.",
        remedy: "set `disable_password_authentication = true`, and give a public key",
        same: &["CKV_AZURE_149", "CKV_AZURE_178"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for host in plan.of(&["azurerm_linux_virtual_machine", "azurerm_linux_virtual_machine_scale_set"]) {
        if host.is_off("disable_password_authentication") {
            hits.at(0, host.address());
        }
    }
    for host in plan.of(&["azurerm_virtual_machine"]) {
        if host.blocks("os_profile_linux_config").any(|block| block.is_off("disable_password_authentication"))
        {
            hits.at(0, host.address());
        }
    }
}
