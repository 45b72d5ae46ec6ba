//! The reference from a receipt to one report: its document, its counts, and the work that made it.
//!
//! Invariant: counts and dates stand in the receipt, so that a policy which reads only those needs no document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::{Knowledge, TOOL_BYTES_MAX, is_text};
use super::table::DocumentKind;
use crate::{Digest, Name};

/// A report that a runner turned into a canonical document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportRef {
    /// Kind of the document.
    pub kind: DocumentKind,
    /// Format of the report, as the pipeline declares it.
    pub format: Name,
    /// The work that made the report.
    pub producer: Producer,
    /// The tools, as the report names them.
    pub tool: String,
    /// Digest of the canonical document.
    pub document: Digest,
    /// Digest of the report as the tool wrote it.
    pub original: Digest,
    /// Counts of the document's entries by sort.
    pub items: BTreeMap<String, u64>,
    /// The dated knowledge that the tool used, if it is known. Receipts call it `snapshot`.
    #[serde(rename = "snapshot", default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
}

/// The work that makes a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Producer {
    /// The runner itself scanned the verified source.
    Runner,
    /// A step of the pipeline; the digest covers it and all that it needs.
    Step(Digest),
}

impl ReportRef {
    /// The counts of one report by several runners: where these differ, the highest.
    pub fn highest_items<'a>(by: impl IntoIterator<Item = &'a Self>) -> BTreeMap<&'a str, u64> {
        let mut items: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, count) in by.into_iter().flat_map(|report| &report.items) {
            let highest = items.entry(name).or_default();
            *highest = (*highest).max(*count);
        }
        items
    }

    /// Whether its texts are bounded and printable.
    #[must_use]
    pub(crate) fn is_sound(&self) -> bool {
        let source = self.knowledge.as_ref().map(|knowledge| &knowledge.source);
        let source = source.is_none_or(|source| is_text(source, TOOL_BYTES_MAX));
        let items =
            self.items.len() <= ITEMS_MAX && self.items.keys().all(|name| is_text(name, NAME_BYTES_MAX));
        is_text(&self.tool, TOOL_BYTES_MAX) && source && items
    }
}

const ITEMS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 40;
