//! `terraform-database-unencrypted`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-database-unencrypted",
        severity: Severity::High,
        title: "a database is not encrypted at rest",
        why: "Whoever gets a snapshot or a copy of its storage reads all its data.",
        remedy: "turn on encryption of its storage; an existing one must be made anew from an encrypted snapshot",
        same: &[
            "CKV_AWS_16",
            "CKV_AWS_96",
            "CKV_AWS_74",
            "CKV_AWS_44",
            "CKV_AWS_64",
            "CKV_AWS_29",
            "CKV_AWS_47",
            "CKV_AWS_5",
        ],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (kind, key, is_off_by_default) in KINDS {
        for database in plan.of(&[*kind]) {
            let takes_over = COPIES.iter().any(|key| !database.is_unset(key))
                || database.text("engine_mode") == Some("serverless");
            if database.is_off(key) || (*is_off_by_default && !takes_over && database.is_unset(key)) {
                hits.at(0, database.address());
            }
        }
    }
    for (kind, block) in BLOCKS {
        for database in plan.of(&[*kind]).filter(|database| !database.is_unknown(block)) {
            let is_on = database.blocks(block).any(|inner| !inner.is_off_or_unset("enabled"));
            if !is_on {
                hits.at(0, database.address());
            }
        }
    }
}

/// A copy is encrypted as what it is made from.
const COPIES: [&str; 5] = [
    "replicate_source_db",
    "snapshot_identifier",
    "replication_source_identifier",
    "global_cluster_identifier",
    "global_replication_group_id",
];
/// Types, the flag, and whether it is off by default.
const KINDS: &[(&str, &str, bool)] = &[
    ("aws_db_instance", "storage_encrypted", true),
    ("aws_rds_cluster", "storage_encrypted", true),
    ("aws_docdb_cluster", "storage_encrypted", true),
    ("aws_neptune_cluster", "storage_encrypted", true),
    // A new one is encrypted: <https://docs.aws.amazon.com/redshift/latest/mgmt/working-with-db-encryption.html>.
    ("aws_redshift_cluster", "encrypted", false),
    ("aws_elasticache_replication_group", "at_rest_encryption_enabled", true),
];
const BLOCKS: &[(&str, &str)] = &[
    ("aws_dax_cluster", "server_side_encryption"),
    ("aws_elasticsearch_domain", "encrypt_at_rest"),
    ("aws_opensearch_domain", "encrypt_at_rest"),
];
