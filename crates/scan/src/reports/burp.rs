//! XML of Burp Suite (<https://portswigger.net/burp/documentation/desktop/running-scans/reporting>).
//!
//! Invariant: each issue is a finding, also one that somebody marked as a false positive. Tentative issues are
//! suspicions. The document type that Burp writes is skipped: it declares elements and attributes, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};
use roxmltree::Node as Element;

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::severity::Rating;
use super::{path, xml};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Burp report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let input = without_type(input);
    let document = xml::parse(WHAT, &input)?;
    let root = document.root_element();
    if !xml::is(root, "issues") {
        return Err(xml::fault(WHAT, root, "expected `issues`"));
    }
    if root.attribute("burpVersion").is_none() {
        return Err(xml::fault(WHAT, root, "the attribute `burpVersion` is missing"));
    }
    let mut drafts = Drafts::new(WHAT);
    for issue in root.descendants().filter(|node| xml::is(*node, "issue")) {
        drafts.push(draft(issue)?)?;
    }
    findings::document(drafts, BTreeSet::from([Tool::new("burp", root.attribute("burpVersion"))]), tree)
}

fn draft(issue: Element<'_, '_>) -> Result<Draft, ScanError> {
    let need = |name: &'static str| {
        let text = xml::child(issue, name).map(xml::content).filter(|text| !text.is_empty());
        text.ok_or_else(|| xml::fault(WHAT, issue, format_args!("the element `{name}` is missing or blank")))
    };
    let (rule, path) = (need("type")?, need("path")?);
    let unconfirmed = match need("confidence")?.as_str() {
        "Certain" | "Firm" => false,
        "Tentative" => true,
        _ => return Err(xml::fault(WHAT, issue, "the confidence is not `Certain`, `Firm` or `Tentative`")),
    };
    let rating = Rating::of_word(&need("severity")?);
    let message = xml::child(issue, "name").map(xml::content).unwrap_or_default();
    let mut requests = issue.descendants().filter(|node| xml::is(*node, "request"));
    let method = requests.find_map(|request| request.attribute("method")).unwrap_or("GET").to_owned();
    let parameter = xml::child(issue, "location").map(xml::content).and_then(|location| parameter(&location));
    let place = DraftSite::Page(method, path::page(&path), parameter);
    Ok(Draft { unconfirmed, ..Draft::new(Class::Web, &rule, rating, &message, place) })
}

/// The name behind the path: `/a.jsp [b_id cookie]`.
fn parameter(location: &str) -> Option<String> {
    let (_, inner) = location.strip_suffix(']')?.rsplit_once(" [")?;
    Some(inner.to_owned())
}

/// The text without its document type, if that only declares elements and attributes. Any other type stays, and is
/// refused.
fn without_type(input: &str) -> Cow<'_, str> {
    let Some((head, tail)) = input.split_once("<!DOCTYPE issues [") else { return input.into() };
    let is_prolog =
        head.trim().is_empty() || head.trim_end().ends_with("?>") && head.matches('<').count() == 1;
    let Some((inner, rest)) = tail.split_once(']').filter(|_| is_prolog) else { return input.into() };
    let Some(rest) = rest.trim_start().strip_prefix('>') else { return input.into() };
    let is_declaration = |part: &str| {
        (part.starts_with("!ELEMENT ") || part.starts_with("!ATTLIST ")) && !part.contains(['%', '&', '['])
    };
    let mut parts = inner.split('<');
    let is_blank = parts.next().is_some_and(|part| part.trim().is_empty());
    match is_blank && parts.all(is_declaration) {
        // The lines stay, so that an error names the right one.
        true => format!("{head}{}{rest}", "\n".repeat(inner.matches('\n').count())).into(),
        false => input.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_types_are_skipped() {
        let of = |inner: &str| format!("<?xml version=\"1.0\"?>\n<!DOCTYPE issues [\n{inner}\n]>\n<issues/>");
        let sound = of("<!ELEMENT issues (issue*)>\n<!ATTLIST issues burpVersion CDATA \"\">");
        assert_eq!(without_type(&sound), "<?xml version=\"1.0\"?>\n\n\n\n\n<issues/>");
        for bad in [
            of("<!ENTITY a \"b\">"),
            of("<!ELEMENT issues (issue*)><!ENTITY a SYSTEM \"file:///etc/passwd\">"),
            of("<!ENTITY % a \"b\"> %a;"),
            of("<!ELEMENT issues %a;>"),
            of("<?x?>"),
            "<!DOCTYPE issues SYSTEM \"x\"><issues/>".to_owned(),
            "<!DOCTYPE issues [<!ELEMENT a (b)>".to_owned(),
            "<issues><!DOCTYPE issues [<!ELEMENT a (b)>]></issues>".to_owned(),
        ] {
            assert_eq!(without_type(&bad), bad);
        }
    }
}
