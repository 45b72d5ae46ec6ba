//! `terraform-database-no-deletion-protection`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-database-no-deletion-protection",
        severity: Severity::Low,
        title: "a database can be deleted in one step",
        why: "A wrong plan or an attacker with the right to delete removes it, and its automatic backups with it.",
        remedy: "turn on deletion protection",
        same: &["CKV_AWS_293", "CKV_AWS_139"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for database in
        plan.of(&["aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster"])
    {
        if database.is_off_or_unset("deletion_protection") {
            hits.at(0, database.address());
        }
    }
    for table in
        plan.of(&["aws_dynamodb_table"]).filter(|table| table.is_off_or_unset("deletion_protection_enabled"))
    {
        hits.at(0, table.address());
    }
    // Here it is on unless somebody turns it off.
    for database in plan.of(&["google_sql_database_instance"]) {
        let of_cloud = database
            .block(&["settings"])
            .is_some_and(|settings| settings.is_on("deletion_protection_enabled"));
        if database.is_off("deletion_protection") && !of_cloud {
            hits.at(0, database.address());
        }
    }
}
