//! `k8s-certificate-not-verified`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-certificate-not-verified",
        severity: Severity::Medium,
        title: "the certificate of a server is not verified",
        why: "Whoever stands between both reads what is sent, tokens among it, and answers in the server's place.",
        remedy: "remove the switch, and name the authority of the certificate",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let service = object.node.at(&["spec", "insecureSkipTLSVerify"]);
    let switch = service.filter(|_| object.is("apiregistration.k8s.io", &["APIService"]));
    let clusters = object.is("", &["Config"]).then(|| object.node.get("clusters")).flatten();
    let clusters = clusters.map(Marked::items).unwrap_or_default().iter();
    let switches = clusters.filter_map(|one| one.at(&["cluster", "insecure-skip-tls-verify"]));
    for node in switches.chain(switch).filter(|node| node.is_true()) {
        hits.of(node, &object.name);
    }
}
