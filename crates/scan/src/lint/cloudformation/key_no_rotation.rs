//! `cfn-key-no-rotation`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-key-no-rotation",
        severity: Severity::Low,
        title: "a key for encryption is never replaced",
        why: "A key that leaks opens all that was ever encrypted with it.",
        remedy: "write `EnableKeyRotation: true`",
        same: &["CKV_AWS_7"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for key in template.of(&["AWS::KMS::Key"]) {
        // Only symmetric keys whose material AWS makes can be rotated.
        let is_symmetric = key.is_unset("KeySpec") || key.text("KeySpec") == Some("SYMMETRIC_DEFAULT");
        let is_own = key.is_unset("Origin") || key.text("Origin") == Some("AWS_KMS");
        if is_symmetric && is_own && key.is_off_or_unset("EnableKeyRotation") {
            hits.of(key.place("EnableKeyRotation"), key.name());
        }
    }
}
