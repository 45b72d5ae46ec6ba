//! `terraform-open-admin-port`.

use evidence::document::findings::Severity;

use super::Plan;
use super::openings::{Opening, openings};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-open-admin-port",
        severity: Severity::Critical,
        title: "a port of administration or data is open to everybody",
        why: "Anybody on the internet can try passwords and known flaws at it, and automatic attacks find it within minutes.",
        remedy: "allow only the addresses or security groups that need it, or reach it through a bastion or a VPN",
        same: &["CKV_AWS_24", "CKV_AWS_25", "CKV_AZURE_9", "CKV_AZURE_10", "CKV_GCP_2", "CKV_GCP_3"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for Opening { block, ports } in openings(plan) {
        if let Some((port, what)) = ports.sensitive() {
            let port = if ports.first == ports.last { String::new() } else { format!(" {port} among") };
            hits.at(0, format!("{}: {what},{port} {ports}", block.address()));
        }
    }
}
