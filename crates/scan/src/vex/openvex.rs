//! OpenVEX 0.2.0 and 0.0.1 (<https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md>).

use std::collections::BTreeSet;

use evidence::Moment;
use evidence::document::{MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, text};

use super::claim::{Claim, PRODUCTS_MAX, Product, STATEMENTS_MAX, Status, Vex, id, limited, product_id};
use crate::ScanError;
use crate::reports::findings::moment;
use crate::reports::json::Node;

/// Start of the context, which names the format.
pub(super) const CONTEXT: &str = "https://openvex.dev/ns";

pub(super) fn read(root: &Node<'_>) -> Result<Vex, ScanError> {
    let context = root.need("@context")?;
    if !["", "/v0.0.1", "/v0.2.0"].contains(&context.str()?.strip_prefix(CONTEXT).unwrap_or("?")) {
        return Err(context.fault("only OpenVEX 0.0.1 and 0.2.0 are read"));
    }
    let time = time(root, "timestamp")?;
    let mut statements = Vec::new();
    let mut pairs = 0;
    for statement in limited(root.need("statements")?.items()?, root, STATEMENTS_MAX)? {
        let claim = claim(&statement, time)?;
        pairs += claim.products.iter().map(|product| product.components.len() + 1).sum::<usize>();
        if pairs > PAIRS_MAX {
            return Err(too_many(&statement));
        }
        statements.push(claim);
    }
    let author = root.text("author")?.map(|author| text(author, TEXT_BYTES_MAX));
    Ok(Vex { author, statements })
}

fn claim(statement: &Node<'_>, of_document: Option<Moment>) -> Result<Claim, ScanError> {
    known(statement, &STATEMENT)?;
    let status = statement.need("status")?;
    let status = match status.str()? {
        "not_affected" => Status::NotAffected,
        "affected" => Status::Affected,
        "fixed" => Status::Fixed,
        "under_investigation" => Status::UnderInvestigation,
        _ => return Err(status.fault("not a status of OpenVEX")),
    };
    let justification = statement.text("justification")?;
    if let Some(label) = justification
        && (!JUSTIFICATIONS.contains(&label) || status != Status::NotAffected)
    {
        let why = "not a justification of OpenVEX, or beside another status than `not_affected`";
        return Err(statement.need("justification")?.fault(why));
    }
    let impact = statement.text("impact_statement")?;
    if status == Status::NotAffected && justification.is_none() && impact.is_none() {
        return Err(statement.fault("`not_affected` needs a `justification` or an `impact_statement`"));
    }
    let sentence = impact.or(statement.text("status_notes")?).or(statement.text("action_statement")?);
    let stated = time(statement, "last_updated")?.max(time(statement, "timestamp")?);
    let Some(time) = stated.or(of_document) else {
        return Err(statement.fault("neither the statement nor the document has a `timestamp`"));
    };
    Ok(Claim {
        vulnerabilities: vulnerabilities(&statement.need("vulnerability")?)?,
        products: products(statement)?,
        status,
        justification: justification.map(str::to_owned),
        sentence: sentence.map(|sentence| text(sentence, MESSAGE_BYTES_MAX)),
        time: Some(time),
    })
}

/// The name alone in 0.0.1, an object since 0.2.0.
fn vulnerabilities(vulnerability: &Node<'_>) -> Result<BTreeSet<String>, ScanError> {
    if vulnerability.as_str().is_some() {
        return Ok(BTreeSet::from([id(vulnerability)?]));
    }
    known(vulnerability, &["@id", "name", "description", "aliases"])?;
    let mut ids = BTreeSet::from([id(&vulnerability.need("name")?)?]);
    for alias in limited(vulnerability.list("aliases")?, vulnerability, PRODUCTS_MAX)? {
        ids.insert(id(&alias)?);
    }
    Ok(ids)
}

/// Products as ids beside a list of subcomponents in 0.0.1, as objects with their own since 0.2.0.
fn products(statement: &Node<'_>) -> Result<Vec<Product>, ScanError> {
    let mut shared = BTreeSet::new();
    for component in limited(statement.list("subcomponents")?, statement, PRODUCTS_MAX)? {
        shared.insert(identified(&component, &PART)?);
    }
    let list = limited(statement.list("products")?, statement, PRODUCTS_MAX)?;
    if list.len().saturating_mul(shared.len() + 1) > PAIRS_MAX {
        return Err(too_many(statement));
    }
    let mut products = Vec::new();
    for product in list {
        let mut components = shared.clone();
        if product.as_str().is_none() {
            for component in limited(product.list("subcomponents")?, &product, PRODUCTS_MAX)? {
                components.insert(identified(&component, &PART)?);
            }
        }
        products.push(Product { id: identified(&product, &PRODUCT)?, components });
    }
    if products.is_empty() {
        return Err(statement.fault("it names no product, so nobody knows what it is about"));
    }
    Ok(products)
}

/// The id of a product or a part: a package URL before every other one.
fn identified(node: &Node<'_>, fields: &[&str]) -> Result<String, ScanError> {
    if node.as_str().is_some() {
        return product_id(node);
    }
    known(node, fields)?;
    let identifiers = node.field("identifiers")?;
    let purl = identifiers.as_ref().map(|ids| ids.field("purl")).transpose()?.flatten();
    if let Some(found) = purl.or(node.field("@id")?) {
        return product_id(&found);
    }
    for name in ["cpe23", "cpe22"] {
        if let Some(found) = identifiers.as_ref().map(|ids| ids.field(name)).transpose()?.flatten() {
            return product_id(&found);
        }
    }
    Err(node.fault("it has neither `@id` nor `identifiers`"))
}

fn time(holder: &Node<'_>, name: &'static str) -> Result<Option<Moment>, ScanError> {
    let Some(time) = holder.text(name)? else { return Ok(None) };
    moment(time).map(Some).ok_or_else(|| holder.fault(format_args!("`{name}` is not a time of RFC 3339")))
}

fn known(node: &Node<'_>, fields: &[&str]) -> Result<(), ScanError> {
    match node.fields()?.iter().find(|(name, _)| !fields.contains(name)) {
        Some((_, field)) => Err(field.fault("not a field of OpenVEX")),
        None => Ok(()),
    }
}

fn too_many(statement: &Node<'_>) -> ScanError {
    statement.fault(format_args!("more than {PAIRS_MAX} products and components; split the document"))
}

/// Highest number of products, with the components of each, in one document. Documents of 0.0.1 name the components once
/// for all products, so a short one may hold many.
const PAIRS_MAX: usize = 50_000;

const STATEMENT: [&str; 15] = [
    "@id",
    "version",
    "vulnerability",
    "vuln_description",
    "timestamp",
    "last_updated",
    "products",
    "subcomponents",
    "status",
    "supplier",
    "status_notes",
    "justification",
    "impact_statement",
    "action_statement",
    "action_statement_timestamp",
];

const PRODUCT: [&str; 4] = ["@id", "identifiers", "hashes", "subcomponents"];
const PART: [&str; 3] = ["@id", "identifiers", "hashes"];

const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];
