//! `k8s-open-load-balancer`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-open-load-balancer",
        severity: Severity::Medium,
        title: "a Service is open to every address",
        why: "The provider gives it a public address, and nothing narrows who may connect.",
        remedy: "write `loadBalancerSourceRanges`, or ask for an internal address",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let Some(spec) = object.node.get("spec").filter(|_| object.is("", &["Service"])) else { return };
    let Some(kind) = spec.get("type").filter(|kind| kind.text() == Some("LoadBalancer")) else { return };
    let annotations = object.node.at(&["metadata", "annotations"]);
    let is_narrow =
        annotations.into_iter().flat_map(Marked::entries).any(|(key, value)| is_narrowed(key, value));
    // Another program than the provider's gives the address, maybe a private one.
    if is_narrow || spec.get("loadBalancerClass").is_some() {
        return;
    }
    let ranges = spec.get("loadBalancerSourceRanges").map(Marked::items).unwrap_or_default();
    if ranges.is_empty() {
        hits.of(kind, &object.name);
    }
    for range in ranges.iter().filter(|range| is_everybody(range.text().unwrap_or_default())) {
        hits.of(range, &object.name);
    }
}

/// Whether an annotation of a provider makes the address internal or lists those who may connect
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#internal-load-balancer>).
fn is_narrowed(key: &str, value: &Marked) -> bool {
    let text = value.text().unwrap_or_default().to_ascii_lowercase();
    let name = key.rsplit('/').next().unwrap_or_default();
    match name {
        "load-balancer-source-ranges" => {
            !text.is_empty() && !text.split(',').any(|range| is_everybody(range.trim()))
        }
        "aws-load-balancer-scheme" => text == "internal",
        "aws-load-balancer-internal" => value.is_true() || text == "0.0.0.0/0",
        "load-balancer-type" | "alibaba-cloud-loadbalancer-address-type" => {
            text == "internal" || text == "intranet"
        }
        _ => name.contains("internal") && !value.is_false(),
    }
}

fn is_everybody(range: &str) -> bool {
    range.ends_with("/0")
}
