//! Bandit's own JSON (<https://bandit.readthedocs.io/en/latest/formatters/json.html>).
//!
//! Invariant: each result is a finding. A report that counts lines with `nosec` comments, or that holds no counts, is
//! refused: Bandit leaves their results out, and a comment in the repository is no waiver.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::path;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Bandit report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    if let Some(error) = root.need("errors")?.items()?.first() {
        let reason = evidence::document::text(error.text("reason")?.unwrap_or("no reason"), 200);
        let file = evidence::document::text(error.text("filename")?.unwrap_or("a file"), 200);
        return Err(error.fault(format_args!("Bandit could not read `{file}`: {reason}")));
    }
    let metrics = root.need("metrics")?;
    metrics.need("_totals")?.need("nosec")?;
    let counts = metrics.fields()?;
    if counts.len() < 2 {
        return Err(metrics.fault("Bandit read no file; check its target"));
    }
    for (_, counts) in counts {
        check_counts(&counts)?;
    }
    let mut drafts = Drafts::new(WHAT);
    for entry in root.need("results")?.items()? {
        drafts.push(draft(&entry, tree)?)?;
    }
    findings::document(drafts, BTreeSet::from([Tool::new("bandit", None)]), tree)
}

fn check_counts(counts: &Node<'_>) -> Result<(), ScanError> {
    for name in ["nosec", "skipped_tests"] {
        if let Some(count) = counts.field(name)?
            && count.number()? > 0.0
        {
            return Err(
                count.fault("comments in the source suppressed results; run Bandit with `--ignore-nosec`")
            );
        }
    }
    Ok(())
}

fn draft(entry: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let rule = entry.need_text("test_id")?;
    let message = entry.text("issue_text")?.unwrap_or(rule);
    let rating = Rating::of_word(entry.need_text("issue_severity")?);
    let mut region = Region {
        first: entry.line("line_number")?,
        column: entry.line("col_offset")?,
        last: None,
        end: entry.line("end_col_offset")?,
    };
    if let Some(range) = entry.field("line_range")? {
        region.last = range.items()?.last().map(Node::as_line).transpose()?.flatten();
    }
    let place = DraftSite::File { path: path::of_path(entry.need_text("filename")?, tree), region };
    let class = if SECRETS.contains(&rule) { Class::Secret } else { Class::Code };
    // The sentence about a password quotes it.
    let message = if class == Class::Secret { entry.text("test_name")?.unwrap_or(rule) } else { message };
    Ok(Draft::new(class, rule, rating, message, place))
}

/// Tests for passwords in the source.
const SECRETS: [&str; 3] = ["B105", "B106", "B107"];
