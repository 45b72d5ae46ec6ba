//! `k8s-latest-image`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::image::ImageReference;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-latest-image",
        severity: Severity::Medium,
        title: "an image has no tag of its own",
        why: "`latest`, which also counts if no tag stands, is another program tomorrow: nobody can say what ran, or go back to it.",
        remedy: "write a version or, better, the digest of the image",
        same: &["CKV_K8S_14"],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    for container in object.containers() {
        let Some(node) = container.node.get("image") else { continue };
        if node.text().and_then(ImageReference::of).is_some_and(|image| image.floats()) {
            hits.of(node, container.about);
        }
    }
}
