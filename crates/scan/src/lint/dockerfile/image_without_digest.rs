//! `dockerfile-image-without-digest`.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::image::ImageReference;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-image-without-digest",
        severity: Severity::Low,
        title: "an image is named by a tag alone",
        why: "A tag can be moved, so the same file can give another image tomorrow, also one that an attacker pushed.",
        remedy: "add the digest: `NAME:TAG@sha256:...`",
        same: &[],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for (line, image) in file.images() {
        if ImageReference::of(&image).is_some_and(|image| !image.has_digest) {
            hits.at(line, image);
        }
    }
}
