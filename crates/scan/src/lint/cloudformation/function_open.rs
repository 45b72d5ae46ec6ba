//! `cfn-function-open`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-function-open",
        severity: Severity::High,
        title: "anybody may call a function",
        why: "It must check every caller itself; until then strangers use it, at your cost and with its permissions.",
        remedy: "write `AuthType: AWS_IAM`, or put a gateway in front that checks callers",
        same: &["CKV_AWS_258"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for url in template.of(&["AWS::Lambda::Url"]).filter(|url| url.text("AuthType") == Some("NONE")) {
        hits.of(url.place("AuthType"), url.name());
    }
}
