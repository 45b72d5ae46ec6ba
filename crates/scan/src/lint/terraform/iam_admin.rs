//! `terraform-iam-admin`.

use evidence::document::findings::Severity;

use super::Plan;
use super::policies::Sort;
use crate::lint::access::allowing;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-iam-admin",
        severity: Severity::High,
        title: "a policy allows every action on every resource",
        why: "Whoever gets hold of the identity owns the whole account, its data and its logs.",
        remedy: "name the actions and resources that the identity needs",
        same: &["CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_274", "CKV_AZURE_39"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (block, policy) in plan.policies(&[Sort::Identity]) {
        if allowing(policy).any(|statement| {
            statement.is_of_all() && statement.actions().any(|action| matches!(action, "*" | "*:*"))
        }) {
            hits.at(0, block.address());
        }
    }
    for block in plan.of(ATTACHMENTS) {
        let arns = ["policy_arn", "managed_policy_arn", "managed_policy_arns"].map(|key| block.texts(key));
        if arns.into_iter().flatten().any(|arn| arn.ends_with(":policy/AdministratorAccess")) {
            hits.at(0, block.address());
        }
    }
    for role in plan.of(&["azurerm_role_definition"]) {
        if role.blocks("permissions").any(|block| block.texts("actions").any(|action| action == "*")) {
            hits.at(0, role.address());
        }
    }
}

const ATTACHMENTS: &[&str] = &[
    "aws_iam_policy_attachment",
    "aws_iam_role_policy_attachment",
    "aws_iam_user_policy_attachment",
    "aws_iam_group_policy_attachment",
    "aws_iam_role",
    "aws_ssoadmin_managed_policy_attachment",
];
