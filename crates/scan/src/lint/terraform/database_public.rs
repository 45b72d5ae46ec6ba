//! `terraform-database-public`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-database-public",
        severity: Severity::High,
        title: "a database has a public address",
        why: "Only its password and its firewall stand between its data and the internet.",
        remedy: "keep it in a private network, and reach it from there",
        same: &[
            "CKV_AWS_17",
            "CKV_AWS_87",
            "CKV_AWS_89",
            "CKV_AWS_69",
            "CKV_AZURE_113",
            "CKV_AZURE_68",
            "CKV_AZURE_53",
            "CKV_GCP_60",
        ],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for database in plan.of(AWS).filter(|database| database.is_on("publicly_accessible")) {
        hits.at(0, database.address());
    }
    for database in plan.of(AZURE).filter(|database| database.is_on("public_network_access_enabled")) {
        hits.at(0, database.address());
    }
    for database in plan.of(&["google_sql_database_instance"]) {
        if database
            .block(&["settings", "ip_configuration"])
            .is_some_and(|network| network.is_on("ipv4_enabled"))
        {
            hits.at(0, database.address());
        }
    }
}

const AWS: &[&str] = &[
    "aws_db_instance",
    "aws_rds_cluster_instance",
    "aws_redshift_cluster",
    "aws_redshiftserverless_workgroup",
    "aws_neptune_cluster_instance",
    "aws_dms_replication_instance",
    "aws_mq_broker",
];
const AZURE: &[&str] = &[
    "azurerm_mssql_server",
    "azurerm_postgresql_server",
    "azurerm_postgresql_flexible_server",
    "azurerm_mysql_server",
    "azurerm_mariadb_server",
];
