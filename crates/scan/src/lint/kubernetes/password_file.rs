//! `k8s-password-file`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-password-file",
        severity: Severity::High,
        title: "the API server takes passwords or tokens from a file",
        why: "They stand there readable, never end, and cannot be changed without a restart.",
        remedy: "remove the flag, and let an OpenID Connect provider or certificates say who somebody is",
        same: &["CKV_K8S_69", "CKV_K8S_70"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for program in object.programs().iter().filter(|one| one.name == "kube-apiserver") {
        for flag in ["token-auth-file", "basic-auth-file"].into_iter().filter_map(|name| program.flag(name)) {
            hits.at(flag.line, &program.about);
        }
    }
}
