//! `cfn-volume-unencrypted`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-volume-unencrypted",
        severity: Severity::Medium,
        title: "a volume or file system is not encrypted",
        why: "Anybody who gets a snapshot or the disk reads everything on it.",
        remedy: "write `Encrypted: true`",
        same: &["CKV_AWS_3", "CKV_AWS_42"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for volume in template.of(&["AWS::EC2::Volume", "AWS::EFS::FileSystem"]) {
        if volume.is_off("Encrypted") || (volume.is_unset("Encrypted") && volume.is_unset("SnapshotId")) {
            hits.of(volume.place("Encrypted"), volume.name());
        }
    }
}
