//! `cfn-iam-admin`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::access::allowing;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-iam-admin",
        severity: Severity::High,
        title: "a policy allows every action on every resource",
        why: "An attacker who gets the identity owns the whole account, its data and its logs.",
        remedy: "name the actions and resources that the identity needs",
        same: &["CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_274"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for resource in template.of(KINDS) {
        let own = resource.policy("PolicyDocument");
        let inline =
            resource.items("Policies").into_iter().filter_map(|block| block.policy("PolicyDocument"));
        let is_admin = own.into_iter().chain(inline).any(|policy| {
            allowing(&policy).any(|statement| {
                statement.is_of_all() && statement.actions().any(|action| matches!(action, "*" | "*:*"))
            })
        });
        if is_admin
            || resource
                .texts("ManagedPolicyArns")
                .iter()
                .any(|arn| arn.ends_with(":policy/AdministratorAccess"))
        {
            hits.of(resource.key(), resource.name());
        }
    }
}

const KINDS: &[&str] = &[
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::IAM::Group",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
];
