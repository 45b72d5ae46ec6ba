//! `k8s-no-audit-log`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-no-audit-log",
        severity: Severity::Low,
        title: "the API server writes no audit log",
        why: "After an attack nobody can tell who read or changed what.",
        remedy: "write `--audit-log-path` and `--audit-policy-file`",
        same: &["CKV_K8S_91"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for program in object.programs().iter().filter(|one| one.name == "kube-apiserver" && one.is_command) {
        let logs = ["audit-log-path", "audit-webhook-config-file"];
        if logs.into_iter().all(|name| program.flag(name).is_none()) {
            hits.at(program.line, &program.about);
        }
    }
}
