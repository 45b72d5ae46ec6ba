//! `terraform-balancer-no-log`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-balancer-no-log",
        severity: Severity::Low,
        title: "requests to an entrance are not logged",
        why: "Nobody can tell later what an attacker asked for, or from where.",
        remedy: "write access logs",
        same: &["CKV_AWS_91", "CKV_AWS_92", "CKV_AWS_86", "CKV_AWS_76"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (kind, key) in KINDS {
        for entrance in plan.of(&[*kind]) {
            let is_gateway = entrance.text("load_balancer_type") == Some("gateway");
            let is_off = entrance.blocks(key).any(|block| block.is_off("enabled"));
            if !is_gateway && (is_off || entrance.is_unset(key)) {
                hits.at(0, entrance.address());
            }
        }
    }
}

const KINDS: &[(&str, &str)] = &[
    ("aws_lb", "access_logs"),
    ("aws_alb", "access_logs"),
    ("aws_elb", "access_logs"),
    ("aws_cloudfront_distribution", "logging_config"),
    ("aws_api_gateway_stage", "access_log_settings"),
    ("aws_apigatewayv2_stage", "access_log_settings"),
];
