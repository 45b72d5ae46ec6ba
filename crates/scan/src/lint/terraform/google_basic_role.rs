//! `terraform-google-basic-role`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-google-basic-role",
        severity: Severity::Medium,
        title: "a basic role is given on a whole project",
        why: "Owners and editors may change almost everything in it, so one identity that leaks is enough.",
        remedy: "give the roles of the services that the identity uses",
        same: &["CKV_GCP_117"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for binding in plan.of(KINDS) {
        if matches!(binding.text("role"), Some("roles/owner" | "roles/editor")) {
            hits.at(0, binding.address());
        }
    }
}

const KINDS: &[&str] = &[
    "google_project_iam_member",
    "google_project_iam_binding",
    "google_folder_iam_member",
    "google_folder_iam_binding",
    "google_organization_iam_member",
    "google_organization_iam_binding",
];
