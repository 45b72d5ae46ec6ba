//! `cfn-iam-trust-everybody`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::access::{Statement, allowing};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-iam-trust-everybody",
        severity: Severity::Critical,
        title: "everybody may become a role",
        why: "Anybody with an account of the cloud provider gets the permissions of the role.",
        remedy: "name the accounts or services that may become it, or limit them by a condition",
        same: &["CKV_AWS_60"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for role in template.of(&["AWS::IAM::Role"]) {
        let policy = role.policy("AssumeRolePolicyDocument").unwrap_or_default();
        if allowing(&policy).any(Statement::is_for_everybody) {
            hits.of(role.place("AssumeRolePolicyDocument"), role.name());
        }
    }
}
