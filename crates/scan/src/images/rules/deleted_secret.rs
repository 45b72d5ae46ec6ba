//! `image-deleted-secret`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-deleted-secret",
        severity: Severity::High,
        title: "a layer has a secret that a later layer removes",
        why: "The lower layer is part of the image: everybody who may pull it reads the secret.",
        remedy: "revoke it, and build without it: give it to one step by `--mount=type=secret`",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    let mut seen = std::collections::BTreeSet::new();
    for secret in &judged.image.pass.scanned.secrets {
        let is_there =
            judged.image.pass.tree.node(&secret.path).is_some_and(|node| node.layer == secret.layer);
        if !is_there && seen.insert((&secret.path, secret.layer)) {
            hits.in_file(&secret.path, format!("layer {}", secret.layer + 1));
        }
    }
}
