//! `terraform-database-open`.
//!
//! A rule of Azure from 0.0.0.0 to 0.0.0.0 stands for services of Azure, not for everybody.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::network::{is_everybody, is_wide};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-database-open",
        severity: Severity::Critical,
        title: "the firewall of a database lets everybody in",
        why: "Anybody on the internet can try passwords and known flaws at it.",
        remedy: "allow only the addresses that need it, or use a private connection",
        same: &["CKV_GCP_11"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for database in plan.of(&["google_sql_database_instance"]) {
        let networks = database
            .block(&["settings", "ip_configuration"])
            .into_iter()
            .flat_map(|network| network.blocks("authorized_networks"));
        if networks.filter_map(|network| network.text("value")).any(is_everybody) {
            hits.at(0, database.address());
        }
    }
    for rule in plan.of(AZURE) {
        let range = rule.text("start_ip_address").zip(rule.text("end_ip_address"));
        if range.is_some_and(|(first, last)| is_wide(first, last)) {
            hits.at(0, rule.address());
        }
    }
}

const AZURE: &[&str] = &[
    "azurerm_mssql_firewall_rule",
    "azurerm_sql_firewall_rule",
    "azurerm_postgresql_firewall_rule",
    "azurerm_postgresql_flexible_server_firewall_rule",
    "azurerm_mysql_firewall_rule",
    "azurerm_mysql_flexible_server_firewall_rule",
    "azurerm_mariadb_firewall_rule",
];
