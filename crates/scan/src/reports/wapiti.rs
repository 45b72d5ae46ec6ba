//! JSON of Wapiti 3 (<https://wapiti-scanner.github.io/>).
//!
//! Invariant: each vulnerability is a finding; anomalies and additional facts are suspicions. A scan that crawled no
//! page is refused.

use std::collections::BTreeSet;

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::path;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Wapiti report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let infos = root.need("infos")?;
    if let Some(pages) = infos.field("crawled_pages_nbr")?
        && pages.number()? < 1.0
    {
        return Err(pages.fault("Wapiti crawled no page; check the address of the service"));
    }
    let mut drafts = Drafts::new(WHAT);
    for (list, unconfirmed) in [("vulnerabilities", false), ("anomalies", true), ("additionals", true)] {
        // Old versions have no list of additional facts.
        let Some(categories) = (if unconfirmed { root.field(list)? } else { Some(root.need(list)?) }) else {
            continue;
        };
        for (category, entries) in categories.fields()? {
            for entry in entries.items()? {
                drafts.push(Draft { unconfirmed, ..draft(category, &entry)? })?;
            }
        }
    }
    let version = infos.text("version")?.map(|version| version.trim_start_matches("Wapiti").trim());
    findings::document(drafts, BTreeSet::from([Tool::new("wapiti", version)]), tree)
}

fn draft(category: &str, entry: &Node<'_>) -> Result<Draft, ScanError> {
    let level = entry.need("level")?;
    let severity = match level.number()?.to_string().as_str() {
        "0" => Severity::None,
        "1" => Severity::Low,
        "2" => Severity::Medium,
        "3" => Severity::High,
        "4" => Severity::Critical,
        _ => return Err(level.fault("not a level from 0 to 4")),
    };
    let place = DraftSite::Page(
        entry.text("method")?.unwrap_or("GET").to_owned(),
        path::page(entry.text("path")?.unwrap_or("/")),
        entry.text("parameter")?.map(str::to_owned),
    );
    let message = entry.text("info")?.unwrap_or(category);
    Ok(Draft::new(Class::Web, category, Rating::of(severity), message, place))
}
