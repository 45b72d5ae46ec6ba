//! `terraform-registry-mutable-tags`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-registry-mutable-tags",
        severity: Severity::Low,
        title: "tags of a registry can be moved to other images",
        why: "What was tested under a tag need not be what runs under it.",
        remedy: "set `image_tag_mutability = \"IMMUTABLE\"`",
        same: &["CKV_AWS_51"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for repository in plan.of(&["aws_ecr_repository"]) {
        if repository.text("image_tag_mutability") == Some("MUTABLE")
            || repository.is_unset("image_tag_mutability")
        {
            hits.at(0, repository.address());
        }
    }
    for repository in plan.of(&["google_artifact_registry_repository"]) {
        if repository.text("format") == Some("DOCKER")
            && repository.blocks("docker_config").any(|block| block.is_off("immutable_tags"))
        {
            hits.at(0, repository.address());
        }
    }
}
