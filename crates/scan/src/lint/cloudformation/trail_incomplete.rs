//! `cfn-trail-incomplete`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-trail-incomplete",
        severity: Severity::Medium,
        title: "a trail does not record everything, or can be changed unseen",
        why: "Nobody can tell afterwards which actions an attacker took.",
        remedy: "let it log, in all regions, with validation of its files",
        same: &["CKV_AWS_251", "CKV_AWS_67", "CKV_AWS_36"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for trail in template.of(&["AWS::CloudTrail::Trail"]) {
        let is_partial =
            ["IsMultiRegionTrail", "EnableLogFileValidation"].iter().any(|key| trail.is_off_or_unset(key));
        if trail.is_off("IsLogging") || is_partial {
            hits.of(trail.key(), trail.name());
        }
    }
}
