//! The statement that a vulnerability of a dependency does not affect the product: its content, the page that a person reads
//! before they sign, and the findings that one may be about.
//!
//! Invariant: everything that is shown comes from verified bytes.

use evidence::Digest;
use evidence::document::findings::Finding;
use evidence::statements::{Justification, NotAffected, Scope, SeenFinding, StatementKind};
use judge::{Checked, settling_finding};
use review::findings;

use super::{Until, finding};

/// The content of the statement; `vex` is the document whose claim the person takes over.
#[must_use]
pub fn body(found: &Finding, justification: Justification, vex: Option<Digest>) -> NotAffected {
    NotAffected { finding: SeenFinding::of(found), justification, vex }
}

/// The page that a person reads before a signature in own words.
#[must_use]
pub fn page(
    checked: &Checked<'_>,
    (id, found): (&Digest, &Finding),
    justification: Justification,
    scope: &Scope,
    until: Until,
) -> String {
    let page = finding::page(StatementKind::NotAffected, id, found, scope, until);
    let others = finding::settles_too(checked, id, found);
    format!("{page}{others}\njustification: {}", justification.as_str())
}

/// Findings about dependencies that no statement settles, each with its component.
pub fn open_dependencies<'a>(
    checked: &'a Checked<'_>,
) -> impl Iterator<Item = (&'a Digest, &'a Finding, &'a str)> {
    let statements = &checked.lanes.statements;
    let open =
        findings::all(checked).filter(move |(id, found)| settling_finding(statements, id, found).is_none());
    open.filter_map(|(id, found)| Some((id, found, found.dependency()?)))
}
