//! `terraform-network-no-flow-logs`.

use evidence::document::findings::Severity;

use super::Plan;
use super::owners::Owners;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-network-no-flow-logs",
        severity: Severity::Low,
        title: "a network has no flow logs",
        why: "Nobody can tell later who talked with whom when a host is taken over.",
        remedy: "add flow logs to it",
        same: &["CKV2_AWS_11", "CKV_GCP_26"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    let logged = Owners::of(
        plan.of(&["aws_flow_log"])
            .filter(|log| log.get("vpc_id").is_some() || log.references("vpc_id").is_some()),
        "vpc_id",
    );
    for network in plan.of(&["aws_vpc"]).filter(|network| !logged.may_have(network)) {
        hits.at(0, network.address());
    }
    for network in plan.of(&["google_compute_subnetwork"]) {
        let is_special = network.text("purpose").is_some_and(|purpose| purpose != "PRIVATE");
        if !is_special && network.is_unset("log_config") {
            hits.at(0, network.address());
        }
    }
}
