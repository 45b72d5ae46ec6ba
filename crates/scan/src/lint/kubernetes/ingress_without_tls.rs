//! `k8s-ingress-without-tls`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-ingress-without-tls",
        severity: Severity::Medium,
        title: "an Ingress takes requests without TLS",
        why: "Everybody on the way reads passwords and sessions, and changes answers.",
        remedy: "write `spec.tls` with its hosts and the Secret of their certificate",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let is_ingress = object.is("networking.k8s.io", &["Ingress"]) || object.is("extensions", &["Ingress"]);
    let Some(spec) = object.node.get("spec").filter(|_| is_ingress) else { return };
    let annotations = object.node.at(&["metadata", "annotations"]);
    let has_other =
        annotations.into_iter().flat_map(Marked::entries).any(|(key, value)| brings_tls(key, value));
    let is_patch =
        spec.get("rules").is_none() && spec.get("defaultBackend").is_none() && spec.get("backend").is_none();
    if spec.get("tls").is_none_or(|tls| tls.items().is_empty()) && !has_other && !is_patch {
        hits.of(spec, &object.name);
    }
}

/// Whether an annotation gives the controller a certificate by other means.
fn brings_tls(key: &str, value: &Marked) -> bool {
    let text = value.text().unwrap_or_default();
    let is_certificate = CERTIFICATES.iter().any(|part| key.contains(part)) && !text.is_empty();
    let is_port = key.ends_with("/listen-ports") && text.contains("HTTPS");
    let is_router = key.ends_with("router.tls") && value.is_true();
    is_certificate || is_port || is_router || (key.ends_with("/ssl-passthrough") && value.is_true())
}

const CERTIFICATES: &[&str] = &[
    "certificate-arn",
    "managed-certificates",
    "pre-shared-cert",
    "appgw-ssl-certificate",
    "router.tls.certresolver",
];
