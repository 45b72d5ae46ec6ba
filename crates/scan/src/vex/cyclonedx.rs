//! CycloneDX in JSON whose vulnerabilities have an analysis (<https://cyclonedx.org/capabilities/vex/>).
//!
//! A vulnerability without an analysis is no statement: a scanner found it, and nobody said anything about it.

use std::collections::BTreeSet;

use evidence::document::{MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, text};

use super::claim::{Claim, PRODUCTS_MAX, Product, STATEMENTS_MAX, Status, Vex, id, limited};
use crate::ScanError;
use crate::reports::cyclonedx::Components;
use crate::reports::findings::moment;
use crate::reports::json::Node;

pub(super) fn read(root: &Node<'_>) -> Result<Vex, ScanError> {
    let components = Components::of(root)?;
    let metadata = root.field("metadata")?;
    let of_document = metadata.as_ref().map(|metadata| metadata.text("timestamp")).transpose()?.flatten();
    let mut statements = Vec::new();
    for entry in limited(root.list("vulnerabilities")?, root, STATEMENTS_MAX)? {
        if let Some(analysis) = entry.field("analysis")? {
            statements.push(claim(&entry, &analysis, &components, of_document)?);
        }
    }
    let authors = metadata.as_ref().map(|metadata| metadata.list("authors")).transpose()?.unwrap_or_default();
    let author = authors.first().map(|author| author.text("name")).transpose()?.flatten();
    Ok(Vex { author: author.map(|author| text(author, TEXT_BYTES_MAX)), statements })
}

fn claim(
    entry: &Node<'_>,
    analysis: &Node<'_>,
    components: &Components,
    of_document: Option<&str>,
) -> Result<Claim, ScanError> {
    let state = analysis.need("state")?;
    let (status, of_state) = match state.str()? {
        "not_affected" => (Status::NotAffected, None),
        "false_positive" => (Status::NotAffected, Some("false_positive")),
        "resolved" | "resolved_with_pedigree" => (Status::Fixed, None),
        "in_triage" => (Status::UnderInvestigation, None),
        "exploitable" => (Status::Affected, None),
        _ => return Err(state.fault("not a state of CycloneDX")),
    };
    let label = analysis.text("justification")?;
    if label.is_some_and(|label| !JUSTIFICATIONS.contains(&label)) {
        return Err(analysis.need("justification")?.fault("not a justification of CycloneDX"));
    }
    let (justification, detail) = (label.or(of_state), analysis.text("detail")?);
    if status == Status::NotAffected && justification.is_none() && detail.is_none() {
        return Err(analysis.fault("`not_affected` needs a `justification` or a `detail`"));
    }
    let time = analysis.text("lastUpdated")?.or(analysis.text("firstIssued")?).or(of_document);
    let time = time.map(|time| moment(time).ok_or_else(|| analysis.fault("its time is not one of RFC 3339")));
    let mut vulnerabilities = BTreeSet::from([id(&entry.need("id")?)?]);
    for reference in limited(entry.list("references")?, entry, PRODUCTS_MAX)? {
        vulnerabilities.insert(id(&reference.need("id")?)?);
    }
    let mut products = Vec::new();
    for target in limited(entry.list("affects")?, entry, PRODUCTS_MAX)? {
        let reference = target.need("ref")?;
        let Some(purl) = components.purl(&id(&reference)?) else {
            let why = "no component of the document has this reference, and it is no package URL";
            return Err(reference.fault(why));
        };
        products.push(Product { id: purl, components: BTreeSet::new() });
    }
    if products.is_empty() {
        return Err(entry.fault("`affects` names no component, so nobody knows what the analysis is about"));
    }
    Ok(Claim {
        vulnerabilities,
        products,
        status,
        justification: justification.map(str::to_owned),
        sentence: detail.map(|detail| text(detail, MESSAGE_BYTES_MAX)),
        time: time.transpose()?,
    })
}

const JUSTIFICATIONS: [&str; 9] = [
    "code_not_present",
    "code_not_reachable",
    "requires_configuration",
    "requires_dependency",
    "requires_environment",
    "protected_by_compiler",
    "protected_at_runtime",
    "protected_at_perimeter",
    "protected_by_mitigating_control",
];
