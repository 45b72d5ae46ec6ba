//! The status as a file declares it: what is frozen, barred and revoked.
//!
//! Invariant: each item has a separate key, so that a freeze of last night is shown, and stays until it is pruned.
//! Withdrawn statements are in no file: what is withdrawn is not declared.

use evidence::status::Freeze;
use evidence::{Digest, Moment, Name};
use serde_json::json;

use super::directory::{Directory, STATUS};
use super::fault::Faults;
use super::leaves::Leaves;

/// Reads the values of the status; `None` if no file declares any.
pub fn read(directory: &Directory, faults: &mut Faults) -> Option<Leaves> {
    let node = directory.files.get(STATUS)?;
    let mut leaves = Leaves::default();
    for (key, node) in node.fields(&["frozen", "barred", "revoked"], faults) {
        match key.text.as_str() {
            "frozen" => {
                for node in node.list(faults) {
                    let Some(text) = node.text(faults) else { continue };
                    match freeze(&text) {
                        Some(freeze) => leaves.set(&["frozen", &freeze.to_string()], json!(true), &node.at),
                        None => faults.add(
                            &node.at,
                            "a freeze names PROJECT, PROJECT/SERVICE or PROJECT/SERVICE/ENVIRONMENT",
                        ),
                    }
                }
            }
            "barred" => {
                for node in node.list(faults) {
                    if let Some(digest) = node.parsed::<Digest>(faults) {
                        leaves.set(&["barred", &digest.to_string()], json!(true), &node.at);
                    }
                }
            }
            _ => {
                for (name, node) in node.map(faults) {
                    if let Some(since) = node.parsed::<Moment>(faults) {
                        leaves.set(&["revoked", &name.text], json!(since), &node.at);
                    }
                }
            }
        }
    }
    Some(leaves)
}

/// A freeze as people write it; `*` stands for every service.
#[must_use]
pub fn freeze(text: &str) -> Option<Freeze> {
    let mut parts = text.split('/');
    let project = parts.next()?.parse().ok()?;
    let mut name = || match parts.next() {
        None => Some(None),
        Some("*") => Some(None),
        Some(text) => text.parse::<Name>().ok().map(Some),
    };
    let (service, environment) = (name()?, name()?);
    let is_whole = parts.next().is_none();
    is_whole.then_some(Freeze { project, service, environment })
}
