//! `cfn-open-port`.

use evidence::document::findings::Severity;

use super::Template;
use super::openings::{Opening, openings};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-open-port",
        severity: Severity::High,
        title: "a port is open to everybody",
        why: "Any program that listens there must withstand everybody on the internet, though few services but web servers are meant to.",
        remedy: "allow only the addresses or security groups that need it, and put web servers behind ports 80 and 443",
        same: &[],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    let others = openings(template).into_iter();
    for Opening { node, name, ports } in
        others.filter(|Opening { ports, .. }| ports.sensitive().is_none() && !ports.is_web())
    {
        hits.of(node, format!("{name}: {ports}"));
    }
}
