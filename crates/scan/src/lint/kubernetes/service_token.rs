//! `k8s-service-token`. A pod with an account of its own most likely talks to the API.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-service-token",
        severity: Severity::Low,
        title: "a pod gets a token of the API that it has no use for",
        why: "An attacker in the pod can use the token; the default account is for programs that do not talk to the API.",
        remedy: "write `automountServiceAccountToken: false`, or name an account with the rights that it needs",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let Some(pod) = object.whole_pod() else { return };
    let account = pod.text_at("serviceAccountName").or_else(|| pod.text_at("serviceAccount"));
    let is_default = account.is_none_or(|name| name.is_empty() || name == "default");
    let mount = pod.get("automountServiceAccountToken");
    if is_default && !mount.is_some_and(Marked::is_false) {
        hits.of(mount.unwrap_or(pod), &object.name);
    }
}
