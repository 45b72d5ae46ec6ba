//! CycloneDX (<https://cyclonedx.org/specification/overview/>) with vulnerabilities, in JSON and XML.
//!
//! Invariant: each vulnerability is a finding at each component that it affects. `analysis`, the tool's or the vendor's
//! word that a product is not affected, is not read: that is for a statement of the security role. A bill of materials
//! that has no list of vulnerabilities did not look for any, and is refused.

use evidence::document::FindingsDocument;

use super::{json, xml};
use crate::{ScanError, Tree};

mod from_json;
mod from_xml;
mod model;

pub(crate) use model::Components;
pub(super) use model::{WHAT_JSON, WHAT_XML};

/// Reads a report in JSON.
pub(super) fn read_json(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT_JSON, input)?;
    from_json::report(&json::Node::root(WHAT_JSON, &value))?.document(WHAT_JSON, tree)
}

/// Reads a report in XML.
pub(super) fn read_xml(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let document = xml::parse(WHAT_XML, input)?;
    from_xml::report(document.root_element())?.document(WHAT_XML, tree)
}
