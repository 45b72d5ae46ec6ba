//! `k8s-selinux-options`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-selinux-options",
        severity: Severity::Medium,
        title: "a container has an SELinux label of its own choice",
        why: "A user, a role or a type such as `spc_t` takes it out of the rules that keep containers apart from the host.",
        remedy: "remove `user` and `role`, and take no other type than those of containers",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for (context, about) in object.security_contexts() {
        let Some(options) = context.get("seLinuxOptions") else { continue };
        let texts = ["user", "role", "type"].into_iter().filter_map(|key| Some((key, options.get(key)?)));
        for (key, node) in texts {
            let text = node.text().unwrap_or_default();
            let is_usual = text.is_empty() || (key == "type" && TYPES.contains(&text));
            if !is_usual {
                hits.of(node, format!("{about}, {key} {text}"));
            }
        }
    }
}

/// Those that the baseline allows (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).
const TYPES: &[&str] = &["container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
