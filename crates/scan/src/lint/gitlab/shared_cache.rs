//! `gitlab-shared-cache`.
//!
//! <https://docs.gitlab.com/ci/yaml/#cacheunprotect>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-shared-cache",
        severity: Severity::Medium,
        title: "protected branches share a cache with all others",
        why: "Somebody who may push to any branch puts files into it, and jobs with protected variables run them.",
        remedy: "remove `unprotect: true`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    let mut found = Vec::new();
    pipeline.root.each(&mut |key, node| {
        let caches = if key == Some("cache") { node.one_or_more() } else { &[] };
        found.extend(caches.iter().filter_map(|cache| cache.get("unprotect")).filter(|node| node.is_true()));
    });
    for node in found {
        hits.of(node, "cache");
    }
}
