//! `terraform-bucket-no-versions`.

use evidence::document::findings::Severity;

use super::Plan;
use super::owners::Owners;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-bucket-no-versions",
        severity: Severity::Low,
        title: "a bucket keeps no versions",
        why: "What is overwritten or deleted, by mistake or by an attacker, is gone.",
        remedy: "turn on versioning, with a lifecycle that ends old versions",
        same: &["CKV_AWS_21", "CKV_GCP_78"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let versioned = plan.of(&["aws_s3_bucket_versioning"]).filter(|block| {
        let status = block.block(&["versioning_configuration"]).and_then(|inner| inner.text("status"));
        !matches!(status, Some("Suspended" | "Disabled"))
    });
    let versioned = Owners::of(versioned, "bucket");
    for bucket in plan.of(&["aws_s3_bucket", "google_storage_bucket"]) {
        let own: Vec<_> = bucket.blocks("versioning").collect();
        let is_on = own.iter().any(|block| !block.is_off_or_unset("enabled"));
        let is_off = !own.is_empty() || bucket.is_unset("versioning");
        if !is_on && is_off && !(bucket.kind() == "aws_s3_bucket" && versioned.may_have(&bucket)) {
            hits.at(0, bucket.address());
        }
    }
}
