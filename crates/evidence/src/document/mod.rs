//! Canonical documents of the report lane: the few formats that every report of a step is turned into. Format:
//! `docs/formats/document.md`.
//!
//! Input: values that a translator read from a tool's own format. Output: canonical bytes, whose digest a receipt
//! names. Invariant: a document has one encoding, is sorted, holds no entry twice, and its texts are bounded and free
//! of control characters. Documents of several runners are joined so that nothing which one runner saw is lost.
//!
//! A new kind is one file here and a row in `table.rs`.

pub mod changes;
pub mod components;
pub mod coverage;
pub mod findings;
mod form;
mod maker;
mod reference;
mod region;
mod table;
pub mod tests;
mod version;

pub use changes::ChangesDocument;
pub use components::ComponentsDocument;
pub use coverage::CoverageDocument;
pub use findings::FindingsDocument;
pub use form::{
    BYTES_MAX, Document, DocumentError, Knowledge, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, TOOLS_MAX, Tool, text,
};
pub use maker::Maker;
pub use reference::{Producer, ReportRef};
pub use table::{AnyDocument, DocumentKind, Documents, Listed, Summary};
pub use tests::TestsDocument;
pub use version::compare as compare_versions;
