//! `terraform-google-iam-public`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-google-iam-public",
        severity: Severity::Critical,
        title: "everybody has a role on a resource",
        why: "Anybody on the internet, or with an account of Google, can do what the role allows.",
        remedy: "name the people, groups or service accounts",
        same: &[],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for resource in &plan.resources {
        let kind = resource.kind.as_str();
        let is_iam = ["_iam_member", "_iam_binding"].iter().any(|end| kind.ends_with(end));
        let is_other = OTHER_RULES.iter().any(|start| kind.starts_with(start));
        if !kind.starts_with("google_") || !is_iam || is_other {
            continue;
        }
        let block = resource.block();
        let members = ["member", "members"].map(|key| block.texts(key));
        if members.into_iter().flatten().any(|member| matches!(member, "allUsers" | "allAuthenticatedUsers"))
        {
            hits.at(0, block.address());
        }
    }
    for access in plan.of(&["google_bigquery_dataset_access", "google_bigquery_dataset"]) {
        let mut blocks = access.blocks("access").chain(std::iter::once(access));
        if blocks.any(|block| {
            block.text("special_group") == Some("allAuthenticatedUsers")
                || block.text("iam_member") == Some("allUsers")
        }) {
            hits.at(0, access.address());
        }
    }
}

/// Buckets, functions and services have rules of their own.
const OTHER_RULES: [&str; 3] = ["google_storage_bucket", "google_cloudfunctions", "google_cloud_run"];
