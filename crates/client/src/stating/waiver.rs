//! The finding of a pending release that a person makes a statement about, and the page that they read before they sign.
//!
//! Invariant: everything that is shown comes from verified bytes.

use evidence::Digest;
use evidence::document::findings::Finding;
use evidence::statements::{Scope, StatementKind};
use judge::Checked;

use super::Until;
use crate::error::Error;
use crate::id_prefix::IdPrefix;

/// The finding of the evidence that these digits name.
pub fn find<'a>(checked: &'a Checked<'_>, id: &IdPrefix) -> Result<(Digest, &'a Finding), Error> {
    let found = checked.lanes.documents.all.findings.as_ref().map(|all| &all.findings);
    let known = || Ok(found.into_iter().flat_map(|all| all.keys().copied()).collect());
    let digest: Digest = id.digest::<Error>("finding", known)?;
    let finding = found.and_then(|all| all.get(&digest));
    finding.map(|finding| (digest, finding)).ok_or_else(|| {
        let place = &checked.place;
        Error::unusable(format!("nothing with id {digest} was found in the pending release of {place}"))
    })
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
        finding.severity.as_str(),
    )
}
