//! `terraform-key-no-rotation`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-key-no-rotation",
        severity: Severity::Low,
        title: "a key for encryption is never replaced",
        why: "A key that leaks opens all that was ever encrypted with it.",
        remedy: "turn on its rotation, once in a year at least",
        same: &["CKV_AWS_7", "CKV_GCP_43"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for key in plan.of(&["aws_kms_key"]) {
        // Only symmetric keys whose material AWS makes can be rotated.
        let spec = key.text("customer_master_key_spec").unwrap_or("SYMMETRIC_DEFAULT");
        let usage = key.text("key_usage").unwrap_or("ENCRYPT_DECRYPT");
        let is_own = key.is_unset("custom_key_store_id");
        if spec == "SYMMETRIC_DEFAULT"
            && usage == "ENCRYPT_DECRYPT"
            && is_own
            && key.is_off_or_unset("enable_key_rotation")
        {
            hits.at(0, key.address());
        }
    }
    for key in plan.of(&["google_kms_crypto_key"]) {
        let is_symmetric = matches!(key.text("purpose"), None | Some("ENCRYPT_DECRYPT"));
        let seconds =
            key.text("rotation_period").and_then(|period| period.trim_end_matches('s').parse::<u64>().ok());
        if is_symmetric
            && (key.is_unset("rotation_period") || seconds.is_some_and(|seconds| seconds > YEAR_S))
        {
            hits.at(0, key.address());
        }
    }
}

const YEAR_S: u64 = 366 * 86_400;
