//! JSON of KICS (<https://docs.kics.io/latest/results/>).
//!
//! Invariant: each file of each query is a finding. Files and queries that KICS says it could not process are findings
//! of a scan that did not see everything. Messages about secrets come from the query and never from the file.

use std::collections::BTreeSet;

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, path};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "KICS report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let scanned = root.need("files_scanned")?;
    if scanned.number()? < 1.0 {
        return Err(scanned.fault("KICS read no file; check the option `--path`"));
    }
    let mut drafts = Drafts::new(WHAT);
    let mut shown = 0_u32;
    for query in root.need("queries")?.items()? {
        for file in query.need("files")?.items()? {
            drafts.push(draft(&query, &file, tree)?)?;
            shown += 1;
        }
    }
    if let Some(counted) = root.field("total_counter")?
        && counted.number()? > f64::from(shown)
    {
        return Err(counted
            .fault(format_args!("it counts more results than the {shown} of the report; is the file cut?")));
    }
    for (name, message) in NOT_SEEN {
        if let Some(count) = root.field(name)?
            && count.number()? > 0.0
        {
            let draft = incomplete::draft(&format!("{message}: {}", count.number()?), DraftSite::Whole);
            drafts.push(Draft { unconfirmed: false, ..draft })?;
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("kics", root.text("kics_version")?)]), tree)
}

fn draft(query: &Node<'_>, file: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let rule = query.need_text("query_id")?;
    let name = query.text("query_name")?.unwrap_or(rule);
    let is_secret = query.text("category")? == Some("Secret Management");
    let message = match file.text("search_key")? {
        Some(key) if !is_secret => format!("{name} ({key})"),
        _ => name.to_owned(),
    };
    let class = if is_secret { Class::Secret } else { Class::Configuration };
    let rating = match query.need_text("severity")? {
        // The level of inventories.
        word if word.eq_ignore_ascii_case("trace") => Rating::of(Severity::None),
        word => Rating::of_word(word),
    };
    let region = Region { first: file.line("line")?, ..Region::default() };
    let place = DraftSite::File { path: place(file.need_text("file_name")?, tree), region };
    Ok(Draft::new(class, rule, rating, &message, place))
}

/// The path of a file. A container of KICS writes `../../path/FILE` for a tree that is mounted at `/path`.
fn place(name: &str, tree: &dyn Tree) -> String {
    let below = name.trim_start_matches("../");
    if below.len() == name.len() {
        return path::of_path(name, tree);
    }
    let found = path::of_path(&format!("/{below}"), tree);
    if found.starts_with('/') { name.to_owned() } else { found }
}

/// Counts of what was left out.
const NOT_SEEN: [(&str, &str); 2] = [
    ("files_failed_to_scan", "files that KICS could not scan"),
    ("queries_failed_to_execute", "queries that KICS could not execute"),
];
