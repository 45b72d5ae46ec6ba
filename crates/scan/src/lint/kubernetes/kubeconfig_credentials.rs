//! `k8s-kubeconfig-credentials`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::plain_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-kubeconfig-credentials",
        severity: Severity::High,
        title: "a kubeconfig has the credentials of its user",
        why: "Everybody who can read the file acts in the cluster as this user.",
        remedy: "revoke them, keep the file out of the repository, and sign in with `exec`",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if !object.is("", &["Config"]) {
        return;
    }
    for user in object.node.get("users").map(Marked::items).unwrap_or_default() {
        for key in ["client-key-data", "token", "password"] {
            let node = user.at(&["user", key]);
            if let Some(node) =
                node.filter(|node| plain_secret::is_literal_secret(node.text().unwrap_or_default()))
            {
                hits.of(node, format!("{}, {key}", user.text_at("name").unwrap_or("a user without a name")));
            }
        }
    }
}
