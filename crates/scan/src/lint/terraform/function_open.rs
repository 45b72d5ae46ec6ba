//! `terraform-function-open`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-function-open",
        severity: Severity::High,
        title: "anybody may call a function or service",
        why: "It must check every caller itself; until then strangers use it, at your cost and with its permissions.",
        remedy: "demand an identity of callers, or put a gateway in front that does",
        same: &["CKV_AWS_258", "CKV_GCP_107", "CKV_GCP_102"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for url in
        plan.of(&["aws_lambda_function_url"]).filter(|url| url.text("authorization_type") == Some("NONE"))
    {
        hits.at(0, url.address());
    }
    for binding in plan.of(GOOGLE) {
        let members = ["member", "members"].map(|key| binding.texts(key));
        if members.into_iter().flatten().any(|member| matches!(member, "allUsers" | "allAuthenticatedUsers"))
        {
            hits.at(0, binding.address());
        }
    }
}

const GOOGLE: &[&str] = &[
    "google_cloudfunctions_function_iam_member",
    "google_cloudfunctions_function_iam_binding",
    "google_cloudfunctions2_function_iam_member",
    "google_cloudfunctions2_function_iam_binding",
    "google_cloud_run_service_iam_member",
    "google_cloud_run_service_iam_binding",
    "google_cloud_run_v2_service_iam_member",
    "google_cloud_run_v2_service_iam_binding",
];
