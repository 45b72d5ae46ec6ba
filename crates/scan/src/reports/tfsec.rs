//! JSON of tfsec (<https://github.com/aquasecurity/tfsec>).
//!
//! Invariant: each result that did not pass is a finding, also one that a comment ignores.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::path;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "tfsec report";

/// Reads a report. tfsec writes `null` for an empty list; without the field it is another tool's report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    if !root.has("results") {
        return Err(root.fault("the field `results` is missing"));
    }
    let mut drafts = Drafts::new(WHAT);
    for entry in root.list("results")? {
        if let Some(draft) = draft(&entry, tree)? {
            drafts.push(draft)?;
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("tfsec", None)]), tree)
}

fn draft(entry: &Node<'_>, tree: &dyn Tree) -> Result<Option<Draft>, ScanError> {
    // Old versions have a truth value. A status of another form, which some versions write, is no pass.
    let is_passed = entry.field("status")?.is_some_and(|status| status.as_str() == Some("passed"));
    if is_passed || entry.flag("passed")? == Some(true) {
        return Ok(None);
    }
    let rule = entry.text("long_id")?.map_or_else(|| entry.need_text("rule_id"), Ok)?;
    let location = entry.need("location")?;
    let region =
        Region { first: location.line("start_line")?, last: location.line("end_line")?, ..Region::default() };
    let place = DraftSite::File { path: path::of_path(location.need_text("filename")?, tree), region };
    let message = entry.text("description")?.or(entry.text("rule_description")?).unwrap_or(rule);
    let rating = Rating::of_word(entry.text("severity")?.unwrap_or_default());
    Ok(Some(Draft::new(Class::Configuration, rule, rating, message, place)))
}
