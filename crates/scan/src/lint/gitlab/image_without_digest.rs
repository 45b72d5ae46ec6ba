//! `gitlab-image-without-digest`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::image::ImageReference;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-image-without-digest",
        severity: Severity::Low,
        title: "a job runs in an image that is named by a tag alone",
        why: "A tag can be moved, so the job can run in another image tomorrow, also one that an attacker pushed.",
        remedy: "add the digest: `NAME:TAG@sha256:...`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for (line, image) in pipeline.images() {
        if ImageReference::of(&image).is_some_and(|image| !image.has_digest) {
            hits.at(line, image);
        }
    }
}
