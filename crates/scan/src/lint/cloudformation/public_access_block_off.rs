//! `cfn-public-access-block-off`.
//!
//! A bucket without the block is blocked: that is the default since April 2023
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>).

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-public-access-block-off",
        severity: Severity::High,
        title: "public access to buckets is not blocked",
        why: "One wrong policy or access list then makes a bucket public, without anything that stops it.",
        remedy: "set all four properties of the block to `true`",
        same: &["CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for bucket in template.of(&["AWS::S3::Bucket"]) {
        let Some(block) = bucket.inner("PublicAccessBlockConfiguration") else { continue };
        if KEYS.iter().any(|key| block.is_off_or_unset(key)) {
            hits.of(bucket.place("PublicAccessBlockConfiguration"), bucket.name());
        }
    }
}

const KEYS: [&str; 4] = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
