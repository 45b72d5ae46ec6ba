//! `terraform-registry-admin`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-registry-admin",
        severity: Severity::Medium,
        title: "a registry has an administrator with a password",
        why: "One password, which nobody can trace to a person, may push any image.",
        remedy: "set `admin_enabled = false`, and let people and machines use identities of their own",
        same: &["CKV_AZURE_137"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for registry in
        plan.of(&["azurerm_container_registry"]).filter(|registry| registry.is_on("admin_enabled"))
    {
        hits.at(0, registry.address());
    }
}
