//! `terraform-instance-metadata-v1`.
//!
//! If nothing is said, the image and the account decide, and both allow version 1 unless somebody changed them
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html>).

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-instance-metadata-v1",
        severity: Severity::Medium,
        title: "instances answer version 1 of the metadata service",
        why: "A program that fetches addresses for strangers hands them the credentials of the instance.",
        remedy: "set `http_tokens = \"required\"` in `metadata_options`",
        same: &["CKV_AWS_79"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for host in plan.of(&["aws_instance", "aws_launch_template", "aws_launch_configuration"]) {
        let mut options = host.blocks("metadata_options").peekable();
        let is_open = match options.peek() {
            None => host.is_unset("metadata_options"),
            Some(block) => {
                block.text("http_endpoint") != Some("disabled")
                    && (block.text("http_tokens") == Some("optional") || block.is_unset("http_tokens"))
            }
        };
        if is_open {
            hits.at(0, host.address());
        }
    }
}
