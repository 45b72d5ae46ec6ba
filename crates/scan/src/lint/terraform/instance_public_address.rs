//! `terraform-instance-public-address`.

use evidence::document::findings::Severity;

use super::Block;
use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};
use serde_json::Value;

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-instance-public-address",
        severity: Severity::Medium,
        title: "an instance has a public address",
        why: "Everything that listens on it can be reached from the internet as soon as a firewall lets it.",
        remedy: "put it into a private subnet behind a load balancer or a gateway",
        same: &["CKV_AWS_88", "CKV_AWS_130", "CKV_GCP_40", "CKV_AZURE_119"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for host in plan.of(&["aws_instance", "aws_launch_template", "aws_launch_configuration"]) {
        let inner = host.blocks("network_interfaces").any(|block| block.is_on("associate_public_ip_address"));
        if inner || host.is_on("associate_public_ip_address") {
            hits.at(0, host.address());
        }
    }
    for subnet in plan.of(&["aws_subnet"]).filter(|subnet| subnet.is_on("map_public_ip_on_launch")) {
        hits.at(0, subnet.address());
    }
    for service in plan.of(&["aws_ecs_service"]) {
        if service.blocks("network_configuration").any(|block| block.is_on("assign_public_ip")) {
            hits.at(0, service.address());
        }
    }
    for host in plan.of(&["google_compute_instance", "google_compute_instance_template"]) {
        // An empty block asks for an address too.
        let has_address = |block: &Block<'_>| {
            block.values.get("access_config").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
        };
        if host.blocks("network_interface").any(|block| has_address(&block)) {
            hits.at(0, host.address());
        }
    }
    for card in plan.of(&["azurerm_network_interface"]) {
        let public = card.blocks("ip_configuration").any(|block| !block.is_unset("public_ip_address_id"));
        if public {
            hits.at(0, card.address());
        }
    }
}
