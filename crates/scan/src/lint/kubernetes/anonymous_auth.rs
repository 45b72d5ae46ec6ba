//! `k8s-anonymous-auth`. A kubelet without a file of configuration allows it if nothing is said (<https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/>).

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-anonymous-auth",
        severity: Severity::High,
        title: "a server of the cluster answers callers who did not sign in",
        why: "Anybody who reaches its port may ask it, and one wide role for them gives it away.",
        remedy: "write `--anonymous-auth=false`",
        same: &["CKV_K8S_138"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for program in object.programs().iter().filter(|one| matches!(one.name, "kube-apiserver" | "kubelet")) {
        match program.flag("anonymous-auth") {
            Some(flag) if flag.value.eq_ignore_ascii_case("true") => hits.at(flag.line, &program.about),
            // The API server gives such callers no rights but for its health; a kubelet gives them all.
            None if program.name == "kubelet" && program.is_whole => hits.at(program.line, &program.about),
            _ => {}
        }
    }
}
