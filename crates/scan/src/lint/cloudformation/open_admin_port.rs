//! `cfn-open-admin-port`.

use evidence::document::findings::Severity;

use super::Template;
use super::openings::{Opening, openings};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-open-admin-port",
        severity: Severity::Critical,
        title: "a port of administration or data is open to everybody",
        why: "Anybody on the internet can try passwords and known flaws at it, and automatic attacks find it within minutes.",
        remedy: "allow only the addresses or security groups that need it, or reach it through a bastion or a VPN",
        same: &["CKV_AWS_24", "CKV_AWS_25"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for Opening { node, name, ports } in openings(template) {
        if let Some((port, what)) = ports.sensitive() {
            let port = if ports.first == ports.last { String::new() } else { format!(" {port} among") };
            hits.of(node, format!("{name}: {what},{port} {ports}"));
        }
    }
}
