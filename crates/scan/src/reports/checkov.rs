//! JSON of Checkov (<https://www.checkov.io/>).
//!
//! Invariant: each failed check is a finding, also one that a comment of the source skips; each file that Checkov could
//! not parse is one of a scan that did not see everything, and no suspicion: checks of that file did not run.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, path};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Checkov report";

/// Reads a report: one object, or a list with one for each framework.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let parts = if root.is_list() { root.items()? } else { vec![root.clone()] };
    if parts.is_empty() {
        return Err(root.fault("the list is empty: no framework ran"));
    }
    let mut drafts = Drafts::new(WHAT);
    let mut tools = BTreeSet::new();
    for part in &parts {
        let results = part.field("results")?;
        // Without any file to check, the report is a summary alone.
        let summary = if results.is_some() { part.need("summary")? } else { part.clone() };
        tools.insert(Tool::new("checkov", summary.text("checkov_version")?));
        let lists = |name| results.as_ref().map_or(Ok(Vec::new()), |results| results.list(name));
        let failed = lists("failed_checks")?;
        if failed.is_empty() && summary.need("failed")?.number()? > 0.0 {
            return Err(summary.fault("it counts failed checks and shows none; is the file cut?"));
        }
        for entry in failed.into_iter().chain(lists("skipped_checks")?) {
            drafts.push(draft(&entry, tree)?)?;
        }
        for file in lists("parsing_errors")? {
            let place = DraftSite::File { path: path::of_path(file.str()?, tree), region: Region::default() };
            let draft = incomplete::draft("Checkov could not parse the file", place);
            drafts.push(Draft { unconfirmed: false, ..draft })?;
        }
    }
    findings::document(drafts, tools, tree)
}

fn draft(entry: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let rule = entry.need_text("check_id")?;
    let mut region = Region::default();
    if let Some(range) = entry.field("file_line_range")? {
        let range = range.items()?;
        region.first = range.first().map(Node::as_line).transpose()?.flatten();
        region.last = range.last().map(Node::as_line).transpose()?.flatten();
    }
    // The path below the scanned directory begins with a slash; the absolute one has the whole way.
    let file = entry.text("file_abs_path")?.map_or_else(|| entry.need_text("file_path"), Ok)?;
    let mut file = path::of_path(file, tree);
    if file.starts_with('/') {
        let below = entry.text("repo_file_path")?.unwrap_or(entry.need_text("file_path")?);
        file = path::of_path(below.trim_start_matches('/'), tree);
    }
    let resource = entry.text("resource")?.unwrap_or_default();
    let message = format!("{} ({resource})", entry.text("check_name")?.unwrap_or(rule));
    let class = if rule.starts_with("CKV_SECRET") { Class::Secret } else { Class::Configuration };
    let rating = Rating::of_word(entry.text("severity")?.unwrap_or_default());
    Ok(Draft::new(class, rule, rating, &message, DraftSite::File { path: file, region }))
}
