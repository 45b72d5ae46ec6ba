//! Canonical documents of the report lane: the few formats that every report of a step is turned into. Format:
//! `docs/formats/document.md`.
//!
//! Input: values that a translator read from a tool's own format. Output: canonical bytes, whose digest a receipt
//! names. Invariant: a document has one encoding, is sorted, holds no entry twice, and its texts are bounded and free
//! of control characters. Documents of several runners are joined so that nothing which one runner saw is lost.
//!
//! A new kind is one file here, a variant of [`DocumentKind`] and a row in its functions.

pub mod components;
pub mod findings;
mod form;
mod reference;
pub mod tests;
mod version;

use std::collections::BTreeMap;

pub use components::ComponentsDocument;
pub use findings::FindingsDocument;
pub use form::{
    BYTES_MAX, Document, DocumentError, DocumentKind, MESSAGE_BYTES_MAX, Snapshot, TEXT_BYTES_MAX, TOOLS_MAX,
    Tool, text,
};
pub use reference::{Producer, ReportRef};
pub use tests::TestsDocument;

impl DocumentKind {
    /// Checks the bytes of a document of this kind, and sums it up.
    ///
    /// # Errors
    /// `DocumentError` names the fault.
    pub fn inspect(self, bytes: &[u8]) -> Result<Summary, DocumentError> {
        match self {
            Self::Findings => summary::<FindingsDocument>(bytes),
            Self::Components => summary::<ComponentsDocument>(bytes),
            Self::Tests => summary::<TestsDocument>(bytes),
        }
    }
}

/// A document in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Counts of its entries by sort.
    pub items: BTreeMap<String, u64>,
    /// Its tools in one line.
    pub tool: String,
}

fn summary<D: Document>(bytes: &[u8]) -> Result<Summary, DocumentError> {
    let document = D::decode(bytes)?;
    let tools: Vec<_> = document.tools().iter().map(ToString::to_string).collect();
    Ok(Summary { items: document.items(), tool: text(&tools.join(", "), reference::TOOL_BYTES_MAX) })
}
