//! A finding of a pending release that a person makes a statement about, whatever its kind, and the page that they read before
//! they sign.
//!
//! Invariant: everything that is shown comes from verified bytes. Findings of checks in the environment before count as those of
//! the build do.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::document::findings::Finding;
use evidence::statements::{Scope, SeenFinding, StatementKind, weight};
use judge::Checked;
use review::findings::{all, named};

use super::Until;
use crate::error::Error;
use crate::id_prefix::IdPrefix;

/// The finding of the evidence that these digits name: of the build, or of checks in the environment before.
pub fn find<'a>(checked: &'a Checked<'_>, id: &IdPrefix) -> Result<(Digest, &'a Finding), Error> {
    let known = || {
        let ids: BTreeSet<Digest> = all(checked).map(|(id, _)| *id).collect();
        Ok(ids.into_iter().collect())
    };
    let digest: Digest = id.digest::<Error>("finding", known)?;
    let found = all(checked).find(|(id, _)| **id == digest);
    found.map(|(id, finding)| (*id, finding)).ok_or_else(|| unknown(&digest, checked))
}

/// The error about digits that name neither a finding nor a failed test.
pub(super) fn unknown(digest: &Digest, checked: &Checked<'_>) -> Error {
    Error::unusable(format!(
        "the pending release of {} has no finding or failed test with id {digest}; `countersign approve --show` lists them",
        checked.place
    ))
}

/// The page that a person reads before the signature.
pub fn page(kind: StatementKind, id: &Digest, finding: &Finding, scope: &Scope, until: Until) -> String {
    let names: Vec<_> = finding.aliases.iter().map(|alias| shown::line(alias)).collect();
    let aliases = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    format!(
        "{} in {scope}, until {} in UTC:\n  {}{aliases} at {}: {}\n  severity {}, finding {id}",
        kind.as_str(),
        until.0,
        shown::line(&finding.rule),
        shown::line(&finding.site.to_string()),
        shown::line(&finding.message),
        weight(finding),
    )
}

/// Lines about the other findings of the release that a statement about this one settles, because a statement about a
/// dependency counts for each id of its advisory.
pub fn settles_too(checked: &Checked<'_>, id: &Digest, finding: &Finding) -> String {
    let seen = SeenFinding::of(finding);
    let others = all(checked).filter(|(other, also)| *other != id && seen.settles(&[*id], other, also));
    others.map(|(other, also)| format!("\n  it settles too: {}", named(other, also))).collect()
}
