//! `terraform-bucket-policy-public`.

use evidence::document::findings::Severity;

use super::Plan;
use super::policies::Sort;
use crate::lint::access::{Statement, allowing};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-bucket-policy-public",
        severity: Severity::Critical,
        title: "a policy gives a bucket to everybody",
        why: "Anybody on the internet can read its objects, or whatever else the policy allows.",
        remedy: "name the principals, or serve the bucket through a content network with its own identity",
        same: &["CKV_AWS_70"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (block, policy) in plan.policies(&[Sort::Bucket]) {
        if allowing(policy).any(Statement::is_for_everybody) {
            hits.at(0, block.address());
        }
    }
}
