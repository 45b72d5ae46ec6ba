//! `terraform-cluster-secrets-unencrypted`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-cluster-secrets-unencrypted",
        severity: Severity::Medium,
        title: "secrets of a cluster are not encrypted with a key of their own",
        why: "Whoever gets a copy of the store of the cluster reads all its secrets.",
        remedy: "add `encryption_config` with a key for `secrets`",
        same: &["CKV_AWS_58"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for cluster in plan.of(&["aws_eks_cluster"]).filter(|cluster| cluster.is_unset("encryption_config")) {
        // Newer versions encrypt all of it with a key of the service: <https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html>.
        let version =
            cluster.text("version").and_then(|version| version.strip_prefix("1.")?.parse::<u32>().ok());
        if version.is_some_and(|minor| minor < 28) {
            hits.at(0, cluster.address());
        }
    }
}
