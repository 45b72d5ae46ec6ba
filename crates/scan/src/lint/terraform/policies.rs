//! Policies of AWS in resources: texts of JSON, which are read once.
//!
//! Invariant: a policy that is known is read, or the plan is not judged.

use serde_json::Value;

use super::{Block, Plan, Resource};
use crate::lint::json;

/// What a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// What its owner may do.
    Identity,
    /// Who may become a role.
    Trust,
    /// Who may use a bucket.
    Bucket,
    /// Who may use another resource.
    Thing,
}

/// A policy.
#[derive(Debug)]
pub struct Policy {
    /// What it says.
    pub sort: Sort,
    /// Number of its resource in the plan.
    resource: usize,
    /// The policy.
    pub value: Value,
}

impl Plan {
    /// The policies of some sorts, with their resources.
    pub fn policies<'a>(&'a self, sorts: &'a [Sort]) -> impl Iterator<Item = (Block<'a>, &'a Value)> {
        let policies = self.policies.iter().filter(|policy| sorts.contains(&policy.sort));
        policies.filter_map(|policy| Some((self.resources.get(policy.resource)?.block(), &policy.value)))
    }
}

/// Reads the policies of resources.
///
/// # Errors
/// A sentence that names the resource whose policy is no JSON.
pub fn read(resources: &[Resource]) -> Result<Vec<Policy>, String> {
    let mut policies = Vec::new();
    for (number, resource) in resources.iter().enumerate() {
        for (kind, key, sort) in PLACES.iter().filter(|(kind, _, _)| *kind == resource.kind) {
            let block = resource.block();
            let texts: Vec<&str> = if *kind == "aws_iam_role" && *sort == Sort::Identity {
                block.blocks(key).filter_map(|inline| inline.text("policy")).collect()
            } else {
                block.text(key).into_iter().collect()
            };
            for text in texts {
                let value =
                    json::parse(text).map_err(|why| format!("{}: its policy is {why}", resource.address))?;
                policies.push(Policy { sort: *sort, resource: number, value });
            }
        }
    }
    Ok(policies)
}

/// Types of resources, the arguments that hold policies, and what those say.
const PLACES: &[(&str, &str, Sort)] = &[
    ("aws_iam_policy", "policy", Sort::Identity),
    ("aws_iam_role_policy", "policy", Sort::Identity),
    ("aws_iam_user_policy", "policy", Sort::Identity),
    ("aws_iam_group_policy", "policy", Sort::Identity),
    ("aws_ssoadmin_permission_set_inline_policy", "inline_policy", Sort::Identity),
    ("aws_iam_role", "inline_policy", Sort::Identity),
    ("aws_iam_role", "assume_role_policy", Sort::Trust),
    ("aws_s3_bucket", "policy", Sort::Bucket),
    ("aws_s3_bucket_policy", "policy", Sort::Bucket),
    ("aws_sqs_queue", "policy", Sort::Thing),
    ("aws_sqs_queue_policy", "policy", Sort::Thing),
    ("aws_sns_topic", "policy", Sort::Thing),
    ("aws_sns_topic_policy", "policy", Sort::Thing),
    ("aws_kms_key", "policy", Sort::Thing),
    ("aws_kms_external_key", "policy", Sort::Thing),
    ("aws_kms_replica_key", "policy", Sort::Thing),
    ("aws_kms_key_policy", "policy", Sort::Thing),
    ("aws_ecr_repository_policy", "policy", Sort::Thing),
    ("aws_ecr_registry_policy", "policy", Sort::Thing),
    ("aws_secretsmanager_secret", "policy", Sort::Thing),
    ("aws_secretsmanager_secret_policy", "policy", Sort::Thing),
    ("aws_efs_file_system_policy", "policy", Sort::Thing),
    ("aws_dynamodb_resource_policy", "policy", Sort::Thing),
    ("aws_kinesis_resource_policy", "policy", Sort::Thing),
    ("aws_glue_resource_policy", "policy", Sort::Thing),
    ("aws_backup_vault_policy", "policy", Sort::Thing),
    ("aws_glacier_vault", "access_policy", Sort::Thing),
    ("aws_cloudwatch_event_bus_policy", "policy", Sort::Thing),
    ("aws_elasticsearch_domain", "access_policies", Sort::Thing),
    ("aws_elasticsearch_domain_policy", "access_policies", Sort::Thing),
    ("aws_opensearch_domain", "access_policies", Sort::Thing),
    ("aws_opensearch_domain_policy", "access_policies", Sort::Thing),
    ("aws_codeartifact_domain_permissions_policy", "policy_document", Sort::Thing),
    ("aws_codeartifact_repository_permissions_policy", "policy_document", Sort::Thing),
];
