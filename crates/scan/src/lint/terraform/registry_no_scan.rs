//! `terraform-registry-no-scan`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-registry-no-scan",
        severity: Severity::Low,
        title: "a registry does not scan its images",
        why: "Nobody learns that an image with a known flaw was pushed.",
        remedy: "scan on push, or set the scan of the whole registry",
        same: &["CKV_AWS_163"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    if plan.of(&["aws_ecr_registry_scanning_configuration"]).next().is_some() {
        return;
    }
    for repository in plan.of(&["aws_ecr_repository"]) {
        let is_off = repository
            .blocks("image_scanning_configuration")
            .any(|block| block.is_off_or_unset("scan_on_push"));
        if is_off || repository.is_unset("image_scanning_configuration") {
            hits.at(0, repository.address());
        }
    }
}
