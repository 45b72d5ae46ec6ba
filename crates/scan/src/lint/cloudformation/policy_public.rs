//! `cfn-policy-public`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::access::{Statement, allowing};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-policy-public",
        severity: Severity::Critical,
        title: "a policy gives a resource to everybody",
        why: "Anybody can use it as the policy says: read its objects, messages or secrets, send to it, or use its key.",
        remedy: "name the principals, or limit them by a condition such as `aws:SourceArn` or `aws:PrincipalOrgID`",
        same: &["CKV_AWS_70", "CKV_AWS_168", "CKV_AWS_169", "CKV_AWS_33", "CKV_AWS_32"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for (kind, key) in KINDS {
        for resource in template.of(&[*kind]) {
            let policy = resource.policy(key).unwrap_or_default();
            if allowing(&policy).any(Statement::is_for_everybody) {
                hits.of(resource.place(key), resource.name());
            }
        }
    }
}

const KINDS: &[(&str, &str)] = &[
    ("AWS::S3::BucketPolicy", "PolicyDocument"),
    ("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ("AWS::KMS::Key", "KeyPolicy"),
    ("AWS::ECR::Repository", "RepositoryPolicyText"),
    ("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"),
    ("AWS::EFS::FileSystem", "FileSystemPolicy"),
    ("AWS::OpenSearchService::Domain", "AccessPolicies"),
    ("AWS::Elasticsearch::Domain", "AccessPolicies"),
];
