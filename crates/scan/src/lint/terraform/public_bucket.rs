//! `terraform-public-bucket`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-public-bucket",
        severity: Severity::Critical,
        title: "everybody can read or write a bucket",
        why: "Anybody on the internet gets its objects, and with a right to write, puts others in their place.",
        remedy: "make it private, and serve what is public through a content network",
        same: &["CKV_AWS_20", "CKV_AWS_57", "CKV_GCP_28", "CKV_AZURE_34"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for bucket in plan.of(&["aws_s3_bucket", "aws_s3_bucket_acl", "aws_s3_object"]) {
        let grants = bucket.blocks("grant").flat_map(|grant| grant.texts("uri"));
        let granted = bucket.blocks("access_control_policy").flat_map(|policy| policy.blocks("grant"));
        let grantees =
            granted.flat_map(|grant| grant.blocks("grantee").filter_map(|grantee| grantee.text("uri")));
        let is_public = bucket.text("acl").is_some_and(|acl| PUBLIC_ACLS.contains(&acl));
        if is_public || grants.chain(grantees).any(|uri| GROUPS.iter().any(|group| uri.ends_with(group))) {
            hits.at(0, bucket.address());
        }
    }
    for bucket in plan.of(GOOGLE) {
        let members =
            ["member", "members", "entity", "role_entity", "predefined_acl"].map(|key| bucket.texts(key));
        if members.into_iter().flatten().any(|member| PUBLIC_MEMBERS.iter().any(|name| member.contains(name)))
        {
            hits.at(0, bucket.address());
        }
    }
    for container in plan.of(&["azurerm_storage_container"]) {
        if matches!(container.text("container_access_type"), Some("blob" | "container")) {
            hits.at(0, container.address());
        }
    }
}

const PUBLIC_ACLS: [&str; 3] = ["public-read", "public-read-write", "authenticated-read"];
const GROUPS: [&str; 2] = ["/global/AllUsers", "/global/AuthenticatedUsers"];
const PUBLIC_MEMBERS: [&str; 4] = ["allUsers", "allAuthenticatedUsers", "publicRead", "authenticatedRead"];
const GOOGLE: &[&str] = &[
    "google_storage_bucket_iam_member",
    "google_storage_bucket_iam_binding",
    "google_storage_bucket_acl",
    "google_storage_default_object_acl",
    "google_storage_bucket_access_control",
    "google_storage_default_object_access_control",
    "google_storage_object_access_control",
    "google_storage_object_acl",
];
