//! Findings of a release, one by one.
//!
//! Invariant: findings of checks in the environment before count as those of the build do.

use evidence::Digest;
use evidence::document::findings::Finding;
use evidence::statements::weight;
use judge::Checked;

/// All findings of the release, and those that checks made in the environment before.
pub fn all<'a>(checked: &'a Checked<'_>) -> impl Iterator<Item = (&'a Digest, &'a Finding)> {
    checked
        .lanes
        .documents
        .joined()
        .filter_map(|all| all.findings.as_ref())
        .flat_map(|document| &document.findings)
}

/// A finding in a few words, with its id.
#[must_use]
pub fn named(id: &Digest, finding: &Finding) -> String {
    let (rule, site) = (shown::line(&finding.rule), shown::line(&finding.site.to_string()));
    format!("{rule} at {site}, {}, finding {id}", weight(finding))
}
