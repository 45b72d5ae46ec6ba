//! `image-foreign-base`.

use evidence::document::findings::Severity;

use super::subject::Judged;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Judged> = Rule {
    facts: Facts {
        id: "image-foreign-base",
        severity: Severity::High,
        title: "the image begins with layers that are of no allowed base",
        why: "Nobody of those who decide about bases has seen what stands below the service.",
        remedy: "build it on an allowed base, or have that base allowed",
        same: &[],
    },
    check,
};

fn check(judged: &Judged, hits: &mut Hits) {
    let layers = judged.image.config.diff_ids();
    let is_below = |base: &Vec<evidence::Digest>| !base.is_empty() && layers.starts_with(base);
    if !judged.asked.bases.is_empty() && !judged.asked.bases.iter().any(is_below) {
        let first = layers.first().map_or_else(|| "no layer".to_owned(), ToString::to_string);
        hits.at(0, format!("first layer {first}"));
    }
}
