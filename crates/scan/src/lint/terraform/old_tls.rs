//! `terraform-old-tls`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-old-tls",
        severity: Severity::Medium,
        title: "an endpoint takes TLS older than 1.2",
        why: "The old versions have known flaws, and clients can be pushed down to them.",
        remedy: "demand TLS 1.2 at least",
        same: &[
            "CKV_AWS_103",
            "CKV_AWS_174",
            "CKV_AWS_206",
            "CKV_AWS_228",
            "CKV_AZURE_44",
            "CKV_AZURE_52",
            "CKV_AZURE_148",
            "CKV_AZURE_15",
        ],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for resource in &plan.resources {
        let block = resource.block();
        let own = KEYS.iter().filter_map(|key| block.text(key));
        let inner = BLOCKS
            .iter()
            .flat_map(|name| block.blocks(name))
            .filter(|inner| !inner.is_on("cloudfront_default_certificate"))
            .flat_map(|inner| KEYS.iter().filter_map(move |key| inner.text(key)));
        let is_cloud = ["aws_", "azurerm_", "google_"].iter().any(|start| resource.kind.starts_with(start));
        if is_cloud && own.chain(inner).any(is_old) {
            hits.at(0, block.address());
        }
    }
}

/// Whether a version, or a policy that is named after one, allows an older one.
fn is_old(version: &str) -> bool {
    let name = version.to_ascii_lowercase().replace(['_', '.'], "-");
    let is_policy = name.starts_with("elbsecuritypolicy-") || name.starts_with("policy-min-tls-");
    if is_policy {
        return OLD_POLICIES.contains(&name.as_str())
            || name.contains("-tls-1-0-")
            || name.contains("-tls-1-1-")
            || name.contains("-tls13-1-0-")
            || name.contains("-tls13-1-1-");
    }
    matches!(
        name.as_str(),
        "1-0"
            | "1-1"
            | "tls1-0"
            | "tls1-1"
            | "tls-1-0"
            | "tls-1-1"
            | "sslv3"
            | "tlsv1"
            | "tlsv1-2016"
            | "tlsv1-1-2016"
            | "tlsenforcementdisabled"
    )
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
const OLD_POLICIES: [&str; 4] = [
    "elbsecuritypolicy-2016-08",
    "elbsecuritypolicy-2015-05",
    "elbsecuritypolicy-fs-2018-06",
    "elbsecuritypolicy-fs-1-1-2019-08",
];
const KEYS: [&str; 8] = [
    "ssl_policy",
    "min_tls_version",
    "minimum_tls_version",
    "minimum_protocol_version",
    "security_policy",
    "tls_security_policy",
    "ssl_minimal_tls_version_enforced",
    "tls_version",
];
const BLOCKS: [&str; 3] = ["viewer_certificate", "site_config", "domain_endpoint_options"];
