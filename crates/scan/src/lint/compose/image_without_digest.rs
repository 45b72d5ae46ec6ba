//! `compose-image-without-digest`. `compose-latest-image` judges those without a tag of their own.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-image-without-digest",
        severity: Severity::Low,
        title: "an image is named by a tag that can be moved",
        why: "Whoever can write to its registry can put another program behind the same tag.",
        remedy: "write the digest after the tag: `web:1.4.2@sha256:..`",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some((image, line)) = service.image()
        && !image.has_digest
        && !image.floats()
    {
        hits.at(line, &service.name);
    }
}
