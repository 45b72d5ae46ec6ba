//! `terraform-resource-policy-public`.

use evidence::document::findings::Severity;

use super::Plan;
use super::policies::Sort;
use crate::lint::access::{Statement, allowing};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-resource-policy-public",
        severity: Severity::Critical,
        title: "a policy gives a resource to everybody",
        why: "Anybody with an account of the cloud provider can use it: read its messages or secrets, send to it, or use its key.",
        remedy: "name the principals, or limit them by a condition such as `aws:SourceArn` or `aws:PrincipalOrgID`",
        same: &["CKV_AWS_168", "CKV_AWS_169", "CKV_AWS_33", "CKV_AWS_32", "CKV_AWS_301"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (block, policy) in plan.policies(&[Sort::Thing]) {
        if allowing(policy).any(Statement::is_for_everybody) {
            hits.at(0, block.address());
        }
    }
    for permission in plan.of(&["aws_lambda_permission"]) {
        let limits = ["source_arn", "source_account", "principal_org_id", "function_url_auth_type"];
        if permission.text("principal") == Some("*") && limits.iter().all(|key| permission.is_unset(key)) {
            hits.at(0, permission.address());
        }
    }
}
