//! `terraform-host-full-scope`.

use evidence::document::findings::Severity;

use super::Block;
use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-host-full-scope",
        severity: Severity::Medium,
        title: "hosts use the default account with access to every service",
        why: "A program that is taken over there can do what the default account can, often change the whole project.",
        remedy: "give them a service account of their own with the roles that they need",
        same: &["CKV_GCP_30"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for host in plan.of(&[
        "google_compute_instance",
        "google_compute_instance_template",
        "google_container_node_pool",
        "google_container_cluster",
    ]) {
        let accounts = host.blocks("service_account");
        let nodes = host.blocks("node_config");
        let is_wide =
            |block: Block<'_>, key: &str| block.texts(key).any(|scope| scope.ends_with("cloud-platform"));
        let is_default = |block: &Block<'_>, key: &str| {
            block.is_unset(key)
                || block.text(key).is_some_and(|email| {
                    email == "default" || email.ends_with("-compute@developer.gserviceaccount.com")
                })
        };
        let mut broken =
            accounts.filter(|block| is_default(block, "email")).any(|block| is_wide(block, "scopes"));
        broken |= nodes
            .filter(|block| is_default(block, "service_account"))
            .any(|block| is_wide(block, "oauth_scopes"));
        if broken {
            hits.at(0, host.address());
        }
    }
}
