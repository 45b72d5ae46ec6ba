//! `terraform-plain-http`.

use evidence::document::findings::Severity;

use super::Block;
use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-plain-http",
        severity: Severity::Medium,
        title: "a listener speaks plain HTTP",
        why: "Everybody on the way can read and change what it carries, sessions and passwords among it.",
        remedy: "redirect it to HTTPS, or close it",
        same: &["CKV_AWS_2", "CKV_AWS_34", "CKV_AZURE_14", "CKV_AZURE_3"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for listener in plan.of(&["aws_lb_listener", "aws_alb_listener"]) {
        let is_plain =
            listener.text("protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("HTTP"));
        // What a listener does may not be known, only that it is plain.
        let redirects = listener.is_unknown("default_action")
            || listener.blocks("default_action").any(|action| action.text("type") == Some("redirect"));
        if is_plain && !redirects {
            hits.at(0, listener.address());
        }
    }
    for balancer in plan.of(&["aws_elb"]) {
        let plain = |block: &Block<'_>| {
            block.text("lb_protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("http"))
        };
        if balancer.blocks("listener").any(|listener| plain(&listener)) {
            hits.at(0, balancer.address());
        }
    }
    for distribution in plan.of(&["aws_cloudfront_distribution"]) {
        let behaviours =
            ["default_cache_behavior", "ordered_cache_behavior"].map(|key| distribution.blocks(key));
        if behaviours
            .into_iter()
            .flatten()
            .any(|block| block.text("viewer_protocol_policy") == Some("allow-all"))
        {
            hits.at(0, distribution.address());
        }
    }
    for block in plan.of(AZURE_SITES).filter(|site| site.is_off_or_unset("https_only")) {
        hits.at(0, block.address());
    }
    for account in plan.of(&["azurerm_storage_account"]) {
        if ["https_traffic_only_enabled", "enable_https_traffic_only"].iter().any(|key| account.is_off(key)) {
            hits.at(0, account.address());
        }
    }
}

/// Sites serve both unless they are told otherwise.
const AZURE_SITES: &[&str] = &[
    "azurerm_app_service",
    "azurerm_function_app",
    "azurerm_linux_web_app",
    "azurerm_windows_web_app",
    "azurerm_linux_function_app",
    "azurerm_windows_function_app",
];
