//! `terraform-iam-trust-everybody`.

use evidence::document::findings::Severity;

use super::Plan;
use super::policies::Sort;
use crate::lint::access::{Statement, allowing};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-iam-trust-everybody",
        severity: Severity::Critical,
        title: "everybody may become a role",
        why: "Anybody with an account of the cloud provider gets the permissions of the role.",
        remedy: "name the accounts or services that may become it, or limit them by a condition",
        same: &["CKV_AWS_60"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (block, policy) in plan.policies(&[Sort::Trust]) {
        if allowing(policy).any(Statement::is_for_everybody) {
            hits.at(0, block.address());
        }
    }
}
