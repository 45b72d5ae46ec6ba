//! `compose-latest-image`.

use evidence::document::findings::Severity;

use super::Service;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Service> = Rule {
    facts: Facts {
        id: "compose-latest-image",
        severity: Severity::Medium,
        title: "an image has no tag of its own",
        why: "`latest`, which also counts if no tag stands, is another program tomorrow: nobody can say what ran, or go back to it.",
        remedy: "write a version or, better, the digest of the image",
        same: &[],
    },
    check,
};

fn check(service: &Service, hits: &mut Hits) {
    if let Some((image, line)) = service.image()
        && image.floats()
    {
        hits.at(line, &service.name);
    }
}
