//! XML reports.
//!
//! Invariant: no document type, so no entity expands and nothing outside is read; nesting and the numbers of nodes,
//! of attributes of an element and of namespaces are bounded, because the parser needs quadratic time in the last two. Elements are
//! found by their local name: reports use several versions of one namespace.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::{Document, Node, ParsingOptions};

use crate::ScanError;

const NODES_MAX: u32 = 2_000_000;
const DEPTH_MAX: usize = 128;
const ATTRIBUTES_MAX: usize = 256;
const ALL_ATTRIBUTES_MAX: usize = 4_000_000;
/// Highest number of different declarations of namespaces.
const NAMESPACES_MAX: usize = 2_000;
/// Highest number of all declarations, times the number of different ones: so many the parser may have to copy.
const NAMESPACE_COPIES_MAX: usize = 20_000_000;
/// Longest declaration that is compared with others.
const NAMESPACE_BYTES_MAX: usize = 1_024;

/// Parses a report.
pub(crate) fn parse<'a>(what: &'static str, text: &'a str) -> Result<Document<'a>, ScanError> {
    let fault = |why: String| ScanError::Format { what, why };
    let (widest, all) = attribute_counts(text);
    if widest > ATTRIBUTES_MAX || all > ALL_ATTRIBUTES_MAX || !has_few_namespaces(text) {
        return Err(fault(format!(
            "more than {ATTRIBUTES_MAX} attributes of an element, {ALL_ATTRIBUTES_MAX} attributes, or {NAMESPACES_MAX} \
             namespaces; report less"
        )));
    }
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => fault(DOCTYPE.to_owned()),
        roxmltree::Error::NodesLimitReached => fault(format!("more than {NODES_MAX} nodes; report less")),
        error => fault(format!(
            "not sound XML: {}; is the file cut?",
            evidence::document::text(&error.to_string(), 200)
        )),
    })?;
    let prolog = text.get(..document.root_element().range().start).unwrap_or_default();
    if prolog.contains("<!DOCTYPE") {
        return Err(fault(DOCTYPE.to_owned()));
    }
    if depth(&document) > DEPTH_MAX {
        return Err(fault(format!("elements are nested more than {DEPTH_MAX} deep")));
    }
    Ok(document)
}

/// The deepest nesting. A parent stands before its children, so one pass is enough.
fn depth(document: &Document<'_>) -> usize {
    let mut depths = BTreeMap::new();
    for node in document.descendants() {
        let above =
            node.parent().and_then(|parent| depths.get(&parent.id().get_usize())).copied().unwrap_or(0);
        if above > DEPTH_MAX {
            return above;
        }
        if node.has_children() {
            depths.insert(node.id().get_usize(), above + 1);
        }
    }
    depths.into_values().max().unwrap_or_default()
}

/// An error at an element.
pub(super) fn fault(what: &'static str, node: Node<'_, '_>, why: impl std::fmt::Display) -> ScanError {
    let at = node.document().text_pos_at(node.range().start);
    let name = evidence::document::text(node.tag_name().name(), 60);
    ScanError::Format { what, why: format!("line {}, element `{name}`: {why}", at.row) }
}

/// Whether the element has this local name.
pub(super) fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// The child elements with a name.
pub(super) fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| is(*child, name))
}

/// The first child element with a name.
pub(super) fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// The text of a child element; `None` if the element is absent or blank.
pub(super) fn text<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> Option<String> {
    child(node, name).map(content).filter(|text| !text.is_empty())
}

/// The text inside an element, without white space at its ends.
pub(super) fn content(node: Node<'_, '_>) -> String {
    let text: String = node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
    text.trim().to_owned()
}

/// Whether the declarations of namespaces, of which each element copies those around it, are few. Tools write the same
/// declaration thousands of times.
fn has_few_namespaces(text: &str) -> bool {
    let all = text.matches("xmlns").count();
    if all > NAMESPACE_COPIES_MAX {
        return false;
    }
    let mut different = BTreeSet::new();
    for (at, _) in text.match_indices("xmlns") {
        let rest = text.get(at..).unwrap_or_default();
        let rest = rest.get(..rest.floor_char_boundary(NAMESPACE_BYTES_MAX)).unwrap_or_default();
        let quoted = rest.find(['"', '\'']).and_then(|start| {
            let (before, behind) = rest.split_at_checked(start)?;
            let end = behind.get(1..)?.find(behind.chars().next()?)?;
            rest.get(..before.len() + end + 1)
        });
        different.insert(quoted.unwrap_or(rest));
        if different.len() > NAMESPACES_MAX || different.len() * all > NAMESPACE_COPIES_MAX {
            return false;
        }
    }
    true
}

/// The highest number of attributes that a tag may have, and the number of all. Quotes count, as far as a tag reaches.
fn attribute_counts(text: &str) -> (usize, usize) {
    let tags = text.split('<').skip(1).map(attributes);
    tags.fold((0, 0), |(widest, all), count| (widest.max(count), all + count))
}

fn attributes(tag: &str) -> usize {
    let mut count = 0;
    let mut rest = tag;
    while let Some(at) = rest.find(['"', '\'', '>']) {
        let mut tail = rest.split_at(at).1.chars();
        let Some(quote) = tail.next().filter(|c| *c != '>') else { return count };
        count += 1;
        let Some((_, after)) = tail.as_str().split_once(quote) else { return count };
        rest = after;
    }
    count
}

const DOCTYPE: &str =
    "the file has a document type, which may name entities and other files; write it without `<!DOCTYPE`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_xml() {
        let laughs = "<!DOCTYPE a [<!ENTITY b \"ha\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        let outside = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
        let wide = format!("<a {}/>", (0..2_000).map(|n| format!("a{n}='' ")).collect::<String>());
        let spaces = (0..3_000).map(|n| format!("<a xmlns:n{n}='u{n}'>")).collect::<String>();
        let deep = "<a>".repeat(100_000);
        let many = format!("<a>{}</a>", "<b/>".repeat(NODES_MAX as usize));
        let bad = [
            laughs,
            outside,
            "<!DOCTYPE a><a/>",
            "<a>&b;</a>",
            "<a b='' b=''/>",
            "<a>",
            "<a></b>",
            "<a>\u{1}</a>",
            "a",
        ];
        for text in bad.into_iter().chain([wide.as_str(), &spaces, &deep, &many]) {
            let error = parse("x", text).unwrap_err().to_string();
            assert!(error.len() < 400, "{error}");
        }
        for (levels, sound) in [(127, true), (129, false), (100_000, false)] {
            let text = format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
            assert_eq!(parse("x", &text).is_ok(), sound, "{levels}");
        }
    }

    #[test]
    fn equal_namespaces_count_once() {
        let same = format!("<a>{}</a>", "<b xmlns:h='u'/>".repeat(100_000));
        assert!(parse("x", &same).is_ok());
        let nested = (0..1_900).map(|n| format!(" xmlns:n{n}='u{n}'")).collect::<Vec<_>>();
        let wide: String = nested.chunks(100).map(|names| format!("<a{}>", names.concat())).collect();
        let copies = format!("{wide}{}", "<b xmlns:h='u'/>".repeat(100_000));
        assert!(parse("x", &copies).unwrap_err().to_string().contains("namespaces"));
        let open = "<a xmlns=".repeat(100_000);
        assert!(parse("x", &open).is_err());
    }

    #[test]
    fn attributes_are_counted_in_tags_only() {
        assert_eq!(attribute_counts(r#"<a b="1" c='2>"'>"x" "y" "z"</a><b c=''/>"#), (2, 3));
        assert_eq!(attribute_counts("<a/>"), (0, 0));
    }
}
