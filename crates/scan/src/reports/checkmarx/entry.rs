//! Parts that entries of all reports of Checkmarx share.

use super::super::draft::{DraftSite, Region};
use super::super::json::Node;
use super::super::path;
use super::super::severity::Rating;
use crate::{ScanError, Tree};

/// A place in a file. Checkmarx writes paths from the root of the source, with or without a slash before them.
pub(super) fn place(name: &str, region: Region, tree: &dyn Tree) -> DraftSite {
    let found = path::of_path(&name.replace('\\', "/"), tree);
    DraftSite::File { path: found.trim_start_matches('/').to_owned(), region }
}

/// The name of a query as a sentence.
pub(super) fn readable(name: &str) -> String {
    name.replace('_', " ")
}

/// Whether a result is no longer there.
pub(super) fn is_fixed(entry: &Node<'_>) -> Result<bool, ScanError> {
    Ok(entry.text("status")?.is_some_and(|status| status.eq_ignore_ascii_case("fixed")))
}

pub(super) fn rating(entry: &Node<'_>) -> Result<Rating, ScanError> {
    Ok(Rating::of_word(entry.text("severity")?.unwrap_or_default()))
}
