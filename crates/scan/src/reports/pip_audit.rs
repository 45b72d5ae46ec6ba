//! JSON of pip-audit (<https://github.com/pypa/pip-audit>).
//!
//! Invariant: each vulnerability of each package is a finding, and each package that pip-audit did not look up is one of
//! a scan that did not see everything.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts, smallest_fix};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, purl};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "pip-audit report";

/// Reads a report. Versions before 2.0 write the list of packages alone.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let packages = if root.is_list() { root.items()? } else { root.need("dependencies")?.items()? };
    let mut drafts = Drafts::new(WHAT);
    for package in packages {
        let name = package.need_text("name")?;
        if let Some(reason) = package.text("skip_reason")? {
            let place = DraftSite::Component(purl::of_package("pypi", name, ""));
            drafts.push(incomplete::draft(&format!("pip-audit skipped the package: {reason}"), place))?;
            continue;
        }
        let version = package.need_text("version")?;
        for entry in package.need("vulns")?.items()? {
            drafts.push(draft(&entry, name, version)?)?;
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("pip-audit", None)]), tree)
}

/// The report has neither vectors nor words about severity.
fn draft(entry: &Node<'_>, name: &str, version: &str) -> Result<Draft, ScanError> {
    let id = entry.need_text("id")?;
    let mut aliases = BTreeSet::new();
    for alias in entry.list("aliases")? {
        aliases.insert(alias.str()?.to_owned());
    }
    let mut fixes = Vec::new();
    for fix in entry.list("fix_versions")? {
        fixes.push(fix.str()?);
    }
    let message = entry.text("description")?.unwrap_or(id);
    let place = DraftSite::Component(purl::of_package("pypi", name, version));
    let draft = Draft::new(Class::Dependency, id, Rating::of_word(""), message, place);
    Ok(Draft { aliases, fixed: smallest_fix(version, fixes), ..draft })
}
