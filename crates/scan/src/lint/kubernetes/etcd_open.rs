//! `k8s-etcd-open`. It asks for none if nothing is said (<https://etcd.io/docs/v3.6/op-guide/configuration/>).

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-etcd-open",
        severity: Severity::High,
        title: "etcd answers clients without a certificate",
        why: "Whoever reaches its port reads all Secrets and writes any object past every role.",
        remedy: "write `--client-cert-auth=true` with `--trusted-ca-file`, and listen on `https` alone",
        same: &["CKV_K8S_117"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for program in object.programs().iter().filter(|one| one.name == "etcd" && one.is_whole) {
        let asks =
            program.flag("client-cert-auth").is_some_and(|flag| flag.value.eq_ignore_ascii_case("true"));
        if !asks {
            hits.at(program.line, &program.about);
            continue;
        }
        let Some(flag) = program.flag("listen-client-urls") else { continue };
        let is_open = |url: &str| {
            url.trim().starts_with("http://") && !url.contains("127.0.0.1") && !url.contains("localhost")
        };
        if flag.value.split(',').any(is_open) {
            hits.at(flag.line, &program.about);
        }
    }
}
