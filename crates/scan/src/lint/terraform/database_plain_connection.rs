//! `terraform-database-plain-connection`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-database-plain-connection",
        severity: Severity::Medium,
        title: "a database takes connections without TLS",
        why: "Everybody on the way can read its passwords and data, and change them.",
        remedy: "demand TLS of every client",
        same: &["CKV_GCP_6", "CKV_AZURE_29", "CKV_AZURE_28", "CKV_AZURE_47", "CKV_AWS_30", "CKV_AWS_83"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for database in plan.of(&["google_sql_database_instance"]) {
        let Some(network) = database.block(&["settings", "ip_configuration"]) else { continue };
        let is_demanded = network.is_on("require_ssl")
            || network.text("ssl_mode").is_some_and(|mode| mode != "ALLOW_UNENCRYPTED_AND_ENCRYPTED");
        let is_known = network.text("ssl_mode").is_some() || network.is_unset("ssl_mode");
        if !is_demanded && is_known {
            hits.at(0, database.address());
        }
    }
    for database in plan.of(&["azurerm_postgresql_server", "azurerm_mysql_server", "azurerm_mariadb_server"])
    {
        if database.is_off("ssl_enforcement_enabled") {
            hits.at(0, database.address());
        }
    }
    for cache in plan.of(&["azurerm_redis_cache"]) {
        if ["non_ssl_port_enabled", "enable_non_ssl_port"].iter().any(|key| cache.is_on(key)) {
            hits.at(0, cache.address());
        }
    }
    for cache in plan.of(&["aws_elasticache_replication_group"]) {
        if cache.is_off_or_unset("transit_encryption_enabled")
            && cache.is_unset("global_replication_group_id")
        {
            hits.at(0, cache.address());
        }
    }
    for domain in plan.of(&["aws_elasticsearch_domain", "aws_opensearch_domain"]) {
        if domain.blocks("domain_endpoint_options").any(|block| block.is_off("enforce_https")) {
            hits.at(0, domain.address());
        }
    }
}
