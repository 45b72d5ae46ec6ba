//! `k8s-image-without-digest`. `k8s-latest-image` judges those without a tag of their own.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::image::ImageReference;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-image-without-digest",
        severity: Severity::Low,
        title: "an image is named by a tag that can be moved",
        why: "Whoever can write to its registry can put another program behind the same tag.",
        remedy: "write the digest after the tag: `web:1.4.2@sha256:..`",
        same: &["CKV_K8S_43"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let Some(node) = container.node.get("image") else { continue };
        let image = node.text().and_then(ImageReference::of);
        if image.is_some_and(|image| !image.has_digest && !image.floats()) {
            hits.of(node, container.about);
        }
    }
}
