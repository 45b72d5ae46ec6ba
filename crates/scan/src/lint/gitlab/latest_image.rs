//! `gitlab-latest-image`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::image::ImageReference;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-latest-image",
        severity: Severity::Medium,
        title: "a job runs in an image that is named without a version",
        why: "Each run can begin with other software, unseen by any review, and it has the variables of the job.",
        remedy: "name a version, and best its digest: `NAME@sha256:...`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for (line, image) in pipeline.images() {
        if ImageReference::of(&image).is_some_and(|image| image.floats()) {
            hits.at(line, image);
        }
    }
}
