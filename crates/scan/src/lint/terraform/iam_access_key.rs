//! `terraform-iam-access-key`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-iam-access-key",
        severity: Severity::Medium,
        title: "a key for programs is made that never ends",
        why: "The key stands in the state in clear, works from everywhere, and stays valid until somebody deletes it.",
        remedy: "let programs use roles, workload identity or federation instead of keys",
        same: &[],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for block in plan.of(&[
        "aws_iam_access_key",
        "google_service_account_key",
        "azuread_service_principal_password",
        "azuread_application_password",
    ]) {
        let ends = ["end_date", "end_date_relative"];
        if block.kind().starts_with("azuread_") && ends.iter().any(|key| !block.is_unset(key)) {
            continue;
        }
        hits.at(0, block.address());
    }
}
