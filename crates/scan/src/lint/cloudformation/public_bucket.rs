//! `cfn-public-bucket`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-public-bucket",
        severity: Severity::Critical,
        title: "everybody can read or write a bucket",
        why: "Anybody on the internet gets its objects, and with a right to write, puts others in their place.",
        remedy: "remove `AccessControl`, and serve what is public through a content network",
        same: &["CKV_AWS_20", "CKV_AWS_57"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for bucket in template.of(&["AWS::S3::Bucket"]) {
        if matches!(
            bucket.text("AccessControl"),
            Some("PublicRead" | "PublicReadWrite" | "AuthenticatedRead")
        ) {
            hits.of(bucket.place("AccessControl"), bucket.name());
        }
    }
}
