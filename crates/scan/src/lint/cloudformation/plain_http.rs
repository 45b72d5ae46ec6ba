//! `cfn-plain-http`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-plain-http",
        severity: Severity::Medium,
        title: "a listener speaks plain HTTP",
        why: "Everybody on the way can read and change what it carries, sessions and passwords among it.",
        remedy: "redirect it to HTTPS, or close it",
        same: &["CKV_AWS_2", "CKV_AWS_34"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for listener in template.of(&["AWS::ElasticLoadBalancingV2::Listener"]) {
        let redirects = listener.items("DefaultActions").iter().any(|action| {
            action.text("Type") != Some("forward") && action.text("Type") != Some("fixed-response")
        });
        if listener.text("Protocol") == Some("HTTP") && !redirects {
            hits.of(listener.place("Protocol"), listener.name());
        }
    }
    for distribution in template.of(&["AWS::CloudFront::Distribution"]) {
        let Some(config) = distribution.inner("DistributionConfig") else { continue };
        let mut behaviours =
            config.inner("DefaultCacheBehavior").into_iter().chain(config.items("CacheBehaviors"));
        if behaviours.any(|block| block.text("ViewerProtocolPolicy") == Some("allow-all")) {
            hits.of(distribution.key(), distribution.name());
        }
    }
}
