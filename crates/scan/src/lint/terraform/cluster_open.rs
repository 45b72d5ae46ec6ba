//! `terraform-cluster-open`.

use evidence::document::findings::Severity;

use super::Block;
use super::Plan;
use crate::lint::network::is_everybody;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-cluster-open",
        severity: Severity::High,
        title: "the API of a cluster is open to everybody",
        why: "A flaw in it or a token that leaks is enough to command the cluster from anywhere.",
        remedy: "make the endpoint private, or allow only the networks that need it",
        same: &["CKV_AWS_38", "CKV_GCP_20", "CKV_AZURE_6"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for cluster in plan.of(&["aws_eks_cluster"]) {
        // The endpoint is public, and for everybody, unless somebody says otherwise.
        let is_open = |network: &Block<'_>| {
            let is_public =
                network.is_on("endpoint_public_access") || network.is_unset("endpoint_public_access");
            is_public
                && (network.is_unset("public_access_cidrs")
                    || network.texts("public_access_cidrs").any(is_everybody))
        };
        if cluster.blocks("vpc_config").any(|network| is_open(&network)) {
            hits.at(0, cluster.address());
        }
    }
    for cluster in plan.of(&["google_container_cluster"]) {
        let networks =
            cluster.blocks("master_authorized_networks_config").flat_map(|block| block.blocks("cidr_blocks"));
        let lets_all = networks.filter_map(|block| block.text("cidr_block")).any(is_everybody);
        let is_private =
            cluster.blocks("private_cluster_config").any(|block| block.is_on("enable_private_endpoint"));
        if lets_all || (cluster.is_unset("master_authorized_networks_config") && !is_private) {
            hits.at(0, cluster.address());
        }
    }
    for cluster in plan
        .of(&["azurerm_kubernetes_cluster"])
        .filter(|cluster| cluster.is_off_or_unset("private_cluster_enabled"))
    {
        let mut ranges = cluster
            .blocks("api_server_access_profile")
            .flat_map(|block| block.texts("authorized_ip_ranges"))
            .peekable();
        let is_unset = ["api_server_access_profile", "api_server_authorized_ip_ranges"]
            .iter()
            .all(|key| cluster.is_unset(key));
        if is_unset || ranges.any(is_everybody) {
            hits.at(0, cluster.address());
        }
    }
}
