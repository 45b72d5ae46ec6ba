//! The trust root as files declare it: the people of each group, thresholds, protected refs and pools. Machines and witnesses
//! are in `keys.yaml`.
//!
//! Invariant: a member of a group is a name, whose subject and key its file has. Mode, ledger and server are the work of `init`
//! and `trust origin`, and no file sets them.

use evidence::git::RefPattern;
use evidence::pool::Pool;
use serde_json::json;

use super::directory::{Directory, TRUST};
use super::fault::Faults;
use super::keys::Keys;
use super::leaves::Leaves;
use super::node::Node;
use crate::hosts::WitnessLine;

/// Groups of the trust root.
pub const GROUPS: [&str; 4] = ["holders", "registrars", "policy", "status"];

/// Reads the values of the root; `None` if no file declares any.
pub fn read(directory: &Directory, keys: &Keys, faults: &mut Faults) -> Option<Leaves> {
    let node = directory.files.get(TRUST)?;
    let mut leaves = Leaves::default();
    for (key, node) in node.fields(&["groups", "protected", "pools", "witness-quorum"], faults) {
        match key.text.as_str() {
            "groups" => {
                for (name, node) in node.fields(&GROUPS, faults) {
                    group(&name.text, node, &mut leaves, faults);
                }
            }
            "protected" => {
                let refs = node.list(faults).iter().filter_map(|node| node.parsed::<RefPattern>(faults));
                let mut refs: Vec<_> = refs.map(|it| it.to_string()).collect();
                refs.sort();
                refs.dedup();
                leaves.set(&["protected"], json!(refs), &node.at);
            }
            "pools" => {
                for (name, node) in node.map(faults) {
                    if let Some(pool) = node.parsed::<Pool>(faults) {
                        leaves.set(&["pools", &name.text], json!(pool), &node.at);
                    }
                }
            }
            _ => number("a number of witnesses", &["witness-quorum"], node, &mut leaves, faults),
        }
    }
    for (at, line) in &keys.runners {
        let text = line.to_string();
        let (name, line) = text.split_once('=').unwrap_or((&text, ""));
        leaves.set(&["runners", name], json!(line), at);
    }
    for (at, line) in &keys.witnesses {
        leaves.set(&["witnesses", witness_name(line)], json!(line.to_string()), at);
    }
    if let Some((at, digest)) = &keys.authority {
        leaves.set(&["authority"], json!(digest), at);
    }
    Some(leaves)
}

/// The name of a witness.
#[must_use]
pub fn witness_name(line: &WitnessLine) -> &str {
    line.vkey.split('+').next().unwrap_or_default()
}

fn group(name: &str, node: &Node, leaves: &mut Leaves, faults: &mut Faults) {
    for (key, node) in node.fields(&["threshold", "members"], faults) {
        if key.text == "threshold" {
            number("a number of people", &["groups", name, "threshold"], node, leaves, faults);
            continue;
        }
        let mut members: Vec<_> = node.list(faults).iter().filter_map(|node| node.text(faults)).collect();
        members.sort();
        members.dedup();
        leaves.set(&["groups", name, "members"], json!(members), &node.at);
    }
}

fn number(what: &str, key: &[&str], node: &Node, leaves: &mut Leaves, faults: &mut Faults) {
    match node.json().as_u64().filter(|number| (1..=u64::from(u32::MAX)).contains(number)) {
        Some(number) => leaves.set(key, json!(number), &node.at),
        None => faults.add(&node.at, format!("{what} is expected")),
    }
}
