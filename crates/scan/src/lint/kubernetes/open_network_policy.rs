//! `k8s-open-network-policy`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-open-network-policy",
        severity: Severity::Medium,
        title: "a network policy allows all traffic",
        why: "It holds nothing, and it opens what other policies of the same pods close.",
        remedy: "name the pods, namespaces or addresses, and the ports",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let Some(spec) = object.node.get("spec").filter(|_| object.is("networking.k8s.io", &["NetworkPolicy"]))
    else {
        return;
    };
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        let types = spec.get("policyTypes").map(Marked::items).unwrap_or_default();
        let is_named =
            types.iter().any(|kind| kind.text().is_some_and(|text| text.eq_ignore_ascii_case(direction)));
        let rules = spec.get(direction).filter(|_| types.is_empty() || is_named);
        for rule in rules.map(Marked::items).unwrap_or_default() {
            let peers = rule.get(peers).map(Marked::items).unwrap_or_default();
            let has_ports = rule.get("ports").is_some_and(|ports| !ports.items().is_empty());
            if !has_ports && (peers.is_empty() || peers.iter().any(is_everybody)) {
                hits.of(rule, format!("{}, {direction}", object.name));
            }
        }
    }
}

/// Whether a peer is every address. A selector of every namespace keeps the outside away.
fn is_everybody(peer: &Marked) -> bool {
    let block = peer.get("ipBlock");
    let range = block.and_then(|block| block.text_at("cidr")).unwrap_or_default();
    range.ends_with("/0")
        && block.is_some_and(|block| block.get("except").is_none_or(|list| list.items().is_empty()))
}
