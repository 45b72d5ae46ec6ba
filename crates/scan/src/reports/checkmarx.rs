//! Reports of Checkmarx: XML of SAST, and JSON of Checkmarx One.
//!
//! Invariant: each result is a finding, also one that somebody marked as not exploitable or as a false positive. A
//! result that was fixed is no finding. A list that is shorter than its count is refused.

mod entry;
mod one;
mod report;

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};
use roxmltree::Node as Element;

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::xml;
use crate::{ScanError, Tree};
use entry::{place, readable};

pub(super) const WHAT_JSON: &str = "Checkmarx report (JSON)";
pub(super) const WHAT_XML: &str = "Checkmarx report (XML)";

/// Reads a report of Checkmarx SAST in XML
/// (<https://docs.checkmarx.com/en/34965-139465-report-xml-schema.html>).
pub(super) fn read_xml(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let document = xml::parse(WHAT_XML, input)?;
    let root = document.root_element();
    if !xml::is(root, "CxXMLResults") {
        return Err(xml::fault(WHAT_XML, root, "expected `CxXMLResults`"));
    }
    match root.attribute("FilesScanned") {
        None => return Err(xml::fault(WHAT_XML, root, "the attribute `FilesScanned` is missing")),
        Some("0") => {
            return Err(xml::fault(WHAT_XML, root, "Checkmarx read no file; check the source of the scan"));
        }
        Some(_) => {}
    }
    let mut drafts = Drafts::new(WHAT_XML);
    // Wherever it stands: a result in an unexpected place is no absent one.
    for result in root.descendants().filter(|node| xml::is(*node, "Result")) {
        drafts.push(of_xml(result, tree)?)?;
    }
    let tool = Tool::new("checkmarx", root.attribute("CheckmarxVersion"));
    findings::document(drafts, BTreeSet::from([tool]), tree)
}

fn of_xml(result: Element<'_, '_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let query = result.ancestors().find(|node| xml::is(*node, "Query"));
    let of_query = |name| query.and_then(|query| query.attribute(name));
    let Some(rule) = of_query("name").filter(|name| !name.trim().is_empty()) else {
        return Err(xml::fault(WHAT_XML, result, "the name of its query is missing"));
    };
    let word = result.attribute("Severity").or(of_query("Severity")).unwrap_or_default();
    let number = |name: &str| match result.attribute(name).map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => match text.parse::<u32>() {
            Ok(number) => Ok(Some(number).filter(|number| *number > 0)),
            Err(_) => Err(xml::fault(WHAT_XML, result, format_args!("`{name}` is not a number"))),
        },
    };
    let region = Region { first: number("Line")?, column: number("Column")?, ..Region::default() };
    let place = match result.attribute("FileName").filter(|name| !name.trim().is_empty()) {
        Some(name) => place(name, region, tree),
        None => DraftSite::Whole,
    };
    Ok(Draft::new(Class::Code, rule, Rating::of_word(word), &readable(rule), place))
}

/// Reads a report of Checkmarx One in JSON: the list of results, or a scan report in either of its forms.
pub(super) fn read_json(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT_JSON, input)?;
    let root = Node::root(WHAT_JSON, &value);
    let mut drafts = Drafts::new(WHAT_JSON);
    if root.has("scanResults") {
        report::read(&root, tree, &mut drafts)?;
    } else {
        one::read(&root, tree, &mut drafts)?;
    }
    findings::document(drafts, BTreeSet::from([Tool::new("checkmarx-one", None)]), tree)
}
