//! `terraform-trail-incomplete`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-trail-incomplete",
        severity: Severity::Medium,
        title: "a trail does not record everything, or can be changed unseen",
        why: "What an attacker did cannot be told afterwards.",
        remedy: "let it log, in all regions, with validation of its files",
        same: &["CKV_AWS_251", "CKV_AWS_67", "CKV_AWS_36"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for trail in plan.of(&["aws_cloudtrail"]) {
        // Logging is on by default, the other two are not.
        let what = if trail.is_off("enable_logging") {
            "it does not log"
        } else if trail.is_off_or_unset("is_multi_region_trail") {
            "one region only"
        } else if trail.is_off_or_unset("enable_log_file_validation") {
            "no validation of files"
        } else {
            continue;
        };
        hits.at(0, format!("{}: {what}", trail.address()));
    }
}
