//! VEX documents: what an author says about a vulnerability of a product, in OpenVEX and in CycloneDX (JSON).
//!
//! Invariant: nothing here decides. A document is somebody's word, and counts only inside a statement that a role signed.
//! Reading is strict: a status, justification or field that this program does not know is an error, because it may take
//! the claim back. CSAF, SPDX and CycloneDX in XML are refused.

mod claim;
mod cyclonedx;
mod openvex;

pub use claim::{Claim, PRODUCTS_MAX, Product, STATEMENTS_MAX, Status, Vex};

use crate::ScanError;
use crate::reports::input;
use crate::reports::json::{self, Node};

/// Reads a document of either format.
///
/// # Errors
/// `ScanError` names the place and the cause: the bytes are of no format that is read, or say something unknown.
pub fn read(bytes: &[u8]) -> Result<Vex, ScanError> {
    let text = input::decode(WHAT, bytes)?;
    let value = json::parse(WHAT, &text)?;
    let root = Node::root(WHAT, &value);
    let vex = if root.field("bomFormat")?.is_some() {
        cyclonedx::read(&root)?
    } else if root.text("@context")?.is_some_and(|context| context.starts_with(openvex::CONTEXT)) {
        openvex::read(&root)?
    } else {
        return Err(root
            .fault("neither OpenVEX (`@context`) nor CycloneDX (`bomFormat`); CSAF and SPDX are not read"));
    };
    if vex.statements.is_empty() {
        return Err(root.fault("it holds no statement"));
    }
    Ok(vex)
}

const WHAT: &str = "VEX document";
