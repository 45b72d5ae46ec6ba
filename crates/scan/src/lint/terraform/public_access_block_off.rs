//! `terraform-public-access-block-off`.
//!
//! A bucket without such a block is blocked: that is the default of AWS since April 2023
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>). A block whose arguments are
//! unset opens it, since each of them is `false` by default.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-public-access-block-off",
        severity: Severity::High,
        title: "public access to buckets is not blocked",
        why: "One wrong policy or access list then makes a bucket public, without anything that stops it.",
        remedy: "set all four arguments of the block to `true`",
        same: &["CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for block in plan.of(&["aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"]) {
        if let Some(key) = KEYS.iter().find(|key| block.is_off_or_unset(key)) {
            hits.at(0, format!("{}: {key}", block.address()));
        }
    }
}

const KEYS: [&str; 4] =
    ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
