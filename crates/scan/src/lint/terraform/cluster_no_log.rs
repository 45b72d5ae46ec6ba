//! `terraform-cluster-no-log`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-cluster-no-log",
        severity: Severity::Low,
        title: "the control plane of a cluster is not logged",
        why: "Nobody can tell later who read a secret or started a pod.",
        remedy: "turn on the audit and API logs of the cluster",
        same: &["CKV_AWS_37"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for cluster in plan.of(&["aws_eks_cluster"]) {
        let logs: Vec<&str> = cluster.texts("enabled_cluster_log_types").collect();
        if cluster.is_unset("enabled_cluster_log_types") || (!logs.is_empty() && !logs.contains(&"audit")) {
            hits.at(0, cluster.address());
        }
    }
    for cluster in plan
        .of(&["google_container_cluster"])
        .filter(|cluster| cluster.text("logging_service") == Some("none"))
    {
        hits.at(0, cluster.address());
    }
}
