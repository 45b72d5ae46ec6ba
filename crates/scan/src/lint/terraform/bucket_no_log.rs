//! `terraform-bucket-no-log`.

use evidence::document::findings::Severity;

use super::Plan;
use super::owners::Owners;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-bucket-no-log",
        severity: Severity::Low,
        title: "access to a bucket is not logged",
        why: "Nobody can tell later who read or deleted its objects.",
        remedy: "log access to another bucket",
        same: &["CKV_AWS_18", "CKV_GCP_62"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let logged = Owners::of(plan.of(&["aws_s3_bucket_logging"]), "bucket");
    // The buckets that hold the logs are not logged themselves.
    let targets = Owners::of(plan.of(&["aws_s3_bucket_logging"]), "target_bucket");
    for bucket in plan.of(&["aws_s3_bucket"]).filter(|bucket| bucket.is_unset("logging")) {
        if !logged.may_have(&bucket) && !targets.may_have(&bucket) {
            hits.at(0, bucket.address());
        }
    }
    let logs = plan
        .of(&["google_storage_bucket"])
        .filter_map(|bucket| bucket.block(&["logging"])?.text("log_bucket"));
    let logs: Vec<&str> = logs.collect();
    for bucket in plan.of(&["google_storage_bucket"]).filter(|bucket| bucket.is_unset("logging")) {
        if !bucket.text("name").is_some_and(|name| logs.contains(&name)) {
            hits.at(0, bucket.address());
        }
    }
}
