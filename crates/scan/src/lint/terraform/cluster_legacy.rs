//! `terraform-cluster-legacy`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-cluster-legacy",
        severity: Severity::High,
        title: "a cluster uses an old way to let people in",
        why: "Old permissions and passwords are wide, cannot be taken back one by one, and leave no trace of who used them.",
        remedy: "remove it, and use roles of the cluster with identities of the cloud",
        same: &["CKV_GCP_7", "CKV_GCP_13", "CKV_AZURE_5"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for cluster in plan.of(&["google_container_cluster"]) {
        let is_legacy = cluster.is_on("enable_legacy_abac");
        let login = cluster.block(&["master_auth"]);
        let by_password =
            login.is_some_and(|login| login.text("username").is_some() && login.text("password").is_some());
        let certificate = login.and_then(|login| login.block(&["client_certificate_config"]));
        let by_certificate = certificate.is_some_and(|block| block.is_on("issue_client_certificate"));
        if is_legacy || by_password || by_certificate {
            hits.at(0, cluster.address());
        }
    }
    for cluster in plan
        .of(&["azurerm_kubernetes_cluster"])
        .filter(|cluster| cluster.is_off("role_based_access_control_enabled"))
    {
        hits.at(0, cluster.address());
    }
}
