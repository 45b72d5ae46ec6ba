//! The XML encoding, and the extension for vulnerabilities that came before version 1.4
//! (<https://cyclonedx.org/ext/vulnerability/>).

use evidence::document::Tool;
use roxmltree::Node;

use super::model::{Report, Score, Vulnerability, WHAT_XML, twice, unnamed};
use crate::ScanError;
use crate::reports::severity::Rating;
use crate::reports::{findings, purl, xml};

pub(super) fn report(root: Node<'_, '_>) -> Result<Report, ScanError> {
    let namespace = root.tag_name().namespace().unwrap_or_default();
    if !xml::is(root, "bom") || !namespace.starts_with("http://cyclonedx.org/schema/bom/1.") {
        return Err(xml::fault(WHAT_XML, root, "expected `bom` of CycloneDX 1.x"));
    }
    let mut report = Report::default();
    if let Some(tools) = xml::child(root, "metadata").and_then(|metadata| xml::child(metadata, "tools")) {
        let named = tools.descendants().filter(|node| NAMED.contains(&node.tag_name().name()));
        let tools = named.filter_map(|tool| Some((xml::text(tool, "name")?, xml::text(tool, "version"))));
        let tools = tools.take(evidence::document::TOOLS_MAX);
        report.tools.extend(tools.map(|(name, version)| Tool::new(&name, version.as_deref())));
    }
    let mut lists = 0_usize;
    for node in root.descendants().filter(Node::is_element) {
        match node.tag_name().name() {
            "component" => component(node, &mut report)?,
            "vulnerabilities" => lists += 1,
            "vulnerability" => report.vulnerabilities.push(vulnerability(node)?),
            _ => {}
        }
    }
    if lists == 0 {
        return Err(xml::fault(
            WHAT_XML,
            root,
            "`vulnerabilities` is missing: the tool did not look for any",
        ));
    }
    Ok(report)
}

/// Elements of a list of tools.
const NAMED: [&str; 3] = ["tool", "component", "service"];

fn component(node: Node<'_, '_>, report: &mut Report) -> Result<(), ScanError> {
    let Some(reference) = node.attribute("bom-ref") else { return Ok(()) };
    let stated = xml::text(node, "purl").map(|purl| purl::normal(&purl));
    let purl = stated.unwrap_or_else(|| {
        let (group, version) = (xml::text(node, "group"), xml::text(node, "version"));
        unnamed(group.as_deref(), &xml::text(node, "name").unwrap_or_default(), version.as_deref())
    });
    if report.components.add(reference, purl) {
        Ok(())
    } else {
        Err(xml::fault(WHAT_XML, node, twice(reference)))
    }
}

fn vulnerability(node: Node<'_, '_>) -> Result<Vulnerability, ScanError> {
    let Some(id) = xml::text(node, "id") else {
        return Err(xml::fault(WHAT_XML, node, "the element `id` is missing"));
    };
    let mut found = Vulnerability { id, ..Vulnerability::default() };
    for reference in inner(node, "references", "reference") {
        found.aliases.extend(xml::text(reference, "id"));
    }
    for rating in inner(node, "ratings", "rating") {
        found.ratings.push(score(rating)?);
    }
    found.message = xml::text(node, "description").or_else(|| xml::text(node, "detail"));
    if let Some(time) = xml::text(node, "published") {
        let moment = findings::moment(&time);
        found.published =
            Some(moment.ok_or_else(|| xml::fault(WHAT_XML, node, "`published` is not a time of RFC 3339"))?);
    }
    // The extension names one component in an attribute.
    found.affects.extend(node.attribute("ref").map(str::to_owned));
    for target in inner(node, "affects", "target") {
        let Some(reference) = xml::text(target, "ref") else {
            return Err(xml::fault(WHAT_XML, target, "the element `ref` is missing"));
        };
        found.affects.push(reference);
    }
    Ok(found)
}

fn score(rating: Node<'_, '_>) -> Result<Score, ScanError> {
    // The extension has the base score one level deeper.
    let text = xml::child(rating, "score")
        .map(|score| xml::text(score, "base").unwrap_or_else(|| xml::content(score)));
    let number = text.filter(|text| !text.is_empty()).map(|text| {
        text.parse::<f64>().map_err(|_| xml::fault(WHAT_XML, rating, "the score is not a number"))
    });
    Ok(Score {
        method: xml::text(rating, "method"),
        vector: xml::text(rating, "vector"),
        score: number.transpose()?.and_then(Rating::of_number),
        severity: xml::text(rating, "severity"),
    })
}

fn inner<'a, 'i: 'a>(node: Node<'a, 'i>, list: &'a str, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    xml::children(node, list).flat_map(move |list| xml::children(list, name))
}
