//! `terraform-iam-user-policy`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-iam-user-policy",
        severity: Severity::Low,
        title: "permissions are given to a single user",
        why: "Rights that stand at people are forgotten when they change teams.",
        remedy: "give them to a group or a role, and put the user there",
        same: &["CKV_AWS_40"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for block in
        plan.of(&["aws_iam_user_policy", "aws_iam_user_policy_attachment", "aws_iam_policy_attachment"])
    {
        if block.kind() != "aws_iam_policy_attachment" || block.get("users").is_some() {
            hits.at(0, block.address());
        }
    }
}
