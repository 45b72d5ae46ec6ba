//! `cfn-database-unencrypted`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-database-unencrypted",
        severity: Severity::High,
        title: "a database is not encrypted at rest",
        why: "Anybody who gets a snapshot or a copy of its storage reads all its data.",
        remedy: "write `StorageEncrypted: true`; an existing one must be made anew from an encrypted snapshot",
        same: &["CKV_AWS_16", "CKV_AWS_96", "CKV_AWS_74", "CKV_AWS_44"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for database in template.of(&[
        "AWS::RDS::DBInstance",
        "AWS::RDS::DBCluster",
        "AWS::DocDB::DBCluster",
        "AWS::Neptune::DBCluster",
    ]) {
        let takes_over = COPIES.iter().any(|key| !database.is_unset(key));
        // The instances of a cluster are encrypted as their cluster is.
        let is_member =
            database.kind() == "AWS::RDS::DBInstance" && !database.is_unset("DBClusterIdentifier");
        if database.is_off("StorageEncrypted")
            || (database.is_unset("StorageEncrypted") && !takes_over && !is_member)
        {
            hits.of(database.place("StorageEncrypted"), database.name());
        }
    }
}

const COPIES: [&str; 6] = [
    "SourceDBInstanceIdentifier",
    "DBSnapshotIdentifier",
    "SnapshotIdentifier",
    "SourceDBClusterIdentifier",
    "GlobalClusterIdentifier",
    "EngineMode",
];
