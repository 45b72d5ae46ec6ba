//! `k8s-always-allow`. It is what both do if neither a flag nor a file says otherwise (<https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/>).

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-always-allow",
        severity: Severity::Critical,
        title: "a server of the cluster allows every request",
        why: "Each caller is administrator, whatever roles say.",
        remedy: "write `--authorization-mode=Node,RBAC` for the API server, and `Webhook` for a kubelet",
        same: &["CKV_K8S_74", "CKV_K8S_139"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for program in object.programs().iter().filter(|one| matches!(one.name, "kube-apiserver" | "kubelet")) {
        match program.flag("authorization-mode") {
            Some(flag) if flag.value.split(',').any(|mode| mode.trim() == "AlwaysAllow") => {
                hits.at(flag.line, &program.about);
            }
            None if program.is_whole => hits.at(program.line, &program.about),
            _ => {}
        }
    }
}
