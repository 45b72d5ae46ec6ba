//! `k8s-insecure-port`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-insecure-port",
        severity: Severity::Critical,
        title: "a server of the cluster has a port that asks for no account",
        why: "Anybody who reaches the port acts as administrator, or reads the pods and their environment.",
        remedy: "remove `--insecure-port` and `--insecure-bind-address`; write `--read-only-port=0`",
        same: &["CKV_K8S_86"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for program in object.programs() {
        for (of, name) in FLAGS.iter().filter(|(of, _)| *of == program.name) {
            let Some(flag) = program.flag(name) else { continue };
            let is_harmless =
                flag.value == "0" || (*of == "kube-apiserver" && flag.value.starts_with("127."));
            if !is_harmless {
                hits.at(flag.line, format!("{} --{name}", program.about));
            }
        }
    }
}

const FLAGS: &[(&str, &str)] = &[
    ("kube-apiserver", "insecure-port"),
    ("kube-apiserver", "insecure-bind-address"),
    ("kubelet", "read-only-port"),
];
