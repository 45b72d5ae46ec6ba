//! `dockerfile-latest-image`.
//!
//! Without a tag the tag is `latest`: <https://docs.docker.com/reference/dockerfile/#from>.

use evidence::document::findings::Severity;

use super::Dockerfile;
use crate::lint::image::ImageReference;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Dockerfile> = Rule {
    facts: Facts {
        id: "dockerfile-latest-image",
        severity: Severity::Medium,
        title: "an image is named without a version",
        why: "Each build can begin with other software, untested and unseen by any review.",
        remedy: "name a version, such as `debian:12.9-slim`, and best its digest",
        same: &["DL3006", "DL3007", "CKV_DOCKER_7", "AVD-DS-0001"],
    },
    check,
};

fn check(file: &Dockerfile, hits: &mut Hits) {
    for (line, image) in file.images() {
        if ImageReference::of(&image).is_some_and(|image| image.floats()) {
            hits.at(line, image);
        }
    }
}
