//! `terraform-database-no-backup`.
//!
//! Defaults: none in a plan of `aws_db_instance`, ElastiCache, DynamoDB and Cloud SQL; one day in an Aurora cluster; a week on Azure.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-database-no-backup",
        severity: Severity::Medium,
        title: "a database has no backups",
        why: "A mistake, a fault or an attacker deletes its data for good.",
        remedy: "turn on automatic backups and keep them for a week at least",
        same: &["CKV_AWS_133", "CKV_AWS_134", "CKV_AWS_28", "CKV_GCP_14"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for database in plan.of(&["aws_db_instance", "aws_elasticache_replication_group"]) {
        let key = if database.kind() == "aws_db_instance" {
            "backup_retention_period"
        } else {
            "snapshot_retention_limit"
        };
        let is_copy =
            !database.is_unset("replicate_source_db") || !database.is_unset("global_replication_group_id");
        if !is_copy && (database.number(key) == Some(0) || database.is_unset(key)) {
            hits.at(0, database.address());
        }
    }
    for table in plan.of(&["aws_dynamodb_table"]).filter(|table| !table.is_unknown("point_in_time_recovery"))
    {
        if !table.blocks("point_in_time_recovery").any(|block| !block.is_off_or_unset("enabled")) {
            hits.at(0, table.address());
        }
    }
    for database in plan
        .of(&["google_sql_database_instance"])
        .filter(|database| database.is_unset("master_instance_name"))
    {
        let Some(settings) = database.block(&["settings"]) else { continue };
        let is_known =
            !settings.is_unknown("backup_configuration") || settings.is_unset("backup_configuration");
        if is_known && !settings.blocks("backup_configuration").any(|block| !block.is_off_or_unset("enabled"))
        {
            hits.at(0, database.address());
        }
    }
}
