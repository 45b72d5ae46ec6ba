//! `terraform-queue-unencrypted`.
//!
//! A queue of SQS that says nothing encrypts with a key of the service; topics of SNS and streams of Kinesis do not, and leave it to
//! the disks below (<https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html>).

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-queue-unencrypted",
        severity: Severity::Medium,
        title: "a queue, topic or stream does not encrypt its messages",
        why: "Whoever reaches the storage of the service or a copy of it reads the messages.",
        remedy: "give it a key, or turn on the encryption with a key of the service",
        same: &["CKV_AWS_27", "CKV_AWS_26", "CKV_AWS_43"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for queue in plan.of(&["aws_sqs_queue"]) {
        if queue.is_unset("kms_master_key_id") && queue.is_off("sqs_managed_sse_enabled") {
            hits.at(0, queue.address());
        }
    }
    for topic in plan.of(&["aws_sns_topic"]).filter(|topic| topic.is_unset("kms_master_key_id")) {
        hits.at(0, topic.address());
    }
    for stream in plan.of(&["aws_kinesis_stream"]) {
        if stream.text("encryption_type") == Some("NONE") || stream.is_unset("encryption_type") {
            hits.at(0, stream.address());
        }
    }
}
