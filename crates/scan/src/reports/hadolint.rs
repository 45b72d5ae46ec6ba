//! JSON of hadolint (<https://github.com/hadolint/hadolint>).
//!
//! Invariant: each entry is a finding. Hadolint leaves results beside an `ignore` comment out of the report unless it runs
//! with `--disable-ignore-pragma`.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::path;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "hadolint report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let mut drafts = Drafts::new(WHAT);
    for entry in Node::root(WHAT, &value).items()? {
        let rule = entry.need_text("code")?;
        // A Dockerfile that cannot be parsed has one entry of this rule and no other.
        if rule == "DL1000" {
            let message = evidence::document::text(entry.text("message")?.unwrap_or_default(), 200);
            return Err(entry.fault(format_args!("hadolint could not parse the file: {message}")));
        }
        let region =
            Region { first: entry.line("line")?, column: entry.line("column")?, ..Region::default() };
        let file = entry.need_text("file")?.replace('\\', "/");
        let place = DraftSite::File { path: path::of_path(&file, tree), region };
        let rating = match entry.need_text("level")? {
            "info" | "style" => Rating::of_word("low"),
            word => Rating::of_word(word),
        };
        let message = entry.text("message")?.unwrap_or(rule);
        drafts.push(Draft::new(Class::Configuration, rule, rating, message, place))?;
    }
    findings::document(drafts, BTreeSet::from([Tool::new("hadolint", None)]), tree)
}
