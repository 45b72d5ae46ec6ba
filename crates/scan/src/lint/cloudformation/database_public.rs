//! `cfn-database-public`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-database-public",
        severity: Severity::High,
        title: "a database has a public address",
        why: "Only its password and its firewall stand between its data and the internet.",
        remedy: "write `PubliclyAccessible: false`, and reach it from a private network",
        same: &["CKV_AWS_17", "CKV_AWS_87", "CKV_AWS_89", "CKV_AWS_69"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for database in template.of(&[
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
        "AWS::DMS::ReplicationInstance",
        "AWS::AmazonMQ::Broker",
    ]) {
        if database.is_on("PubliclyAccessible") {
            hits.of(database.place("PubliclyAccessible"), database.name());
        }
    }
}
