//! Statements in the form that both formats share, and how their ids are read.

use std::collections::BTreeSet;

use evidence::Moment;
use evidence::document::{TEXT_BYTES_MAX, text};

use crate::ScanError;
use crate::reports::json::Node;
use crate::reports::purl;

/// Highest number of statements of one document.
pub const STATEMENTS_MAX: usize = 10_000;
/// Highest number of products of one statement, and of components of one product.
pub const PRODUCTS_MAX: usize = 1_000;

/// A document: its statements, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vex {
    /// The author, as the document names it; nothing proves the name.
    pub author: Option<String>,
    /// Statements; at least one.
    pub statements: Vec<Claim>,
}

/// A statement of a document about one vulnerability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The vulnerability's name and aliases.
    pub vulnerabilities: BTreeSet<String>,
    /// Products; at least one.
    pub products: Vec<Product>,
    /// Status.
    pub status: Status,
    /// The label that the format has for the cause.
    pub justification: Option<String>,
    /// The author's sentence: impact, otherwise notes.
    pub sentence: Option<String>,
    /// The time from which the statement holds, if the document states one.
    pub time: Option<Moment>,
}

/// A product, and the parts of it that the statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Package URL in normal form, or another id.
    pub id: String,
    /// Package URLs or ids of the components inside the product; empty if it is about the product itself.
    pub components: BTreeSet<String>,
}

/// Statuses, from the one that asks least of the reader to the one that asks most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not affected.
    NotAffected,
    /// The product contains a fix.
    Fixed,
    /// The author does not know yet.
    UnderInvestigation,
    /// Affected.
    Affected,
}

impl Vex {
    /// The statement that holds about a vulnerability of a component: the latest, and of several of one time the worst. A
    /// statement without a time counts as the earliest.
    #[must_use]
    pub fn about(&self, ids: &BTreeSet<String>, component: &str) -> Option<&Claim> {
        let is_about = |claim: &&Claim| {
            !claim.vulnerabilities.is_disjoint(ids)
                && claim.products.iter().any(|product| product.holds(component))
        };
        self.statements.iter().filter(is_about).max_by_key(|claim| (claim.time, claim.status))
    }
}

impl Product {
    /// Whether the statement is about a component. A package URL without a version is about every version.
    #[must_use]
    pub fn holds(&self, component: &str) -> bool {
        if self.components.is_empty() {
            return purl::names(&self.id, component);
        }
        self.components.contains(component) || self.components.iter().any(|part| purl::names(part, component))
    }
}

/// The items of a list of limited length.
pub(super) fn limited<'a>(
    list: Vec<Node<'a>>,
    holder: &Node<'_>,
    max: usize,
) -> Result<Vec<Node<'a>>, ScanError> {
    if list.len() > max {
        return Err(holder.fault(format_args!("more than {max} items in one list; split the document")));
    }
    Ok(list)
}

/// An id as a document may hold it, unchanged: a shortened one would name another thing.
pub(super) fn id(node: &Node<'_>) -> Result<String, ScanError> {
    let found = node.str()?;
    if found.is_empty() || text(found, TEXT_BYTES_MAX) != found {
        return Err(
            node.fault(format_args!("not an id: blank, longer than {TEXT_BYTES_MAX} bytes or not printable"))
        );
    }
    Ok(found.to_owned())
}

/// The id of a product; a package URL is brought to its normal form.
pub(super) fn product_id(node: &Node<'_>) -> Result<String, ScanError> {
    let id = id(node)?;
    Ok(if id.starts_with("pkg:") { purl::normal(&id) } else { id })
}
