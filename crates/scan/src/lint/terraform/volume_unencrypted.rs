//! `terraform-volume-unencrypted`.
//!
//! Whether a volume that says nothing is encrypted is a setting of the account and region, which is off unless somebody turned it
//! on (<https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html>). Azure and Google always encrypt theirs.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-volume-unencrypted",
        severity: Severity::Medium,
        title: "a volume or file system is not encrypted",
        why: "Whoever gets a snapshot or the disk reads everything on it.",
        remedy: "set `encrypted = true`",
        same: &["CKV_AWS_3", "CKV_AWS_8", "CKV_AWS_42"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let by_default = plan.of(&["aws_ebs_encryption_by_default"]).any(|block| !block.is_off("enabled"));
    for volume in plan.of(&["aws_ebs_volume", "aws_efs_file_system"]) {
        let is_default = volume.is_unset("encrypted") && !(by_default && volume.kind() == "aws_ebs_volume");
        if volume.is_off("encrypted") || (is_default && volume.is_unset("snapshot_id")) {
            hits.at(0, volume.address());
        }
    }
    for host in plan.of(&[
        "aws_instance",
        "aws_launch_configuration",
        "aws_launch_template",
        "aws_spot_instance_request",
    ]) {
        let own = ["root_block_device", "ebs_block_device"].map(|key| host.blocks(key)).into_iter().flatten();
        let mapped = host.blocks("block_device_mappings").flat_map(|mapping| mapping.blocks("ebs"));
        if own.chain(mapped).any(|device| device.is_off("encrypted")) {
            hits.at(0, host.address());
        }
    }
}
