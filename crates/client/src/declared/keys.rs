//! `keys.yaml`: the public keys of people and machines, and the hosts of machines. It is the only file that differs between two
//! installations which are else the same.
//!
//! Invariant: no private key is in it; a line of a machine is the one that the machine's own program prints.

use std::collections::BTreeMap;

use evidence::enrolment::{EnrolledKey, Purpose};
use evidence::ssh::SshKey;
use evidence::{Digest, Name, Place};

use super::directory::{Directory, KEYS};
use super::fault::{At, Faults};
use super::node::Node;
use crate::hosts::{MachineLine, WitnessLine};

/// Keys as a file declares them, each with its position.
#[derive(Debug, Default)]
pub struct Keys {
    /// Keys of people, by the name of their file.
    pub people: BTreeMap<String, (At, Vec<EnrolledKey>)>,
    /// Agents by place.
    pub agents: BTreeMap<Place, Vec<(At, MachineLine)>>,
    /// Runners.
    pub runners: Vec<(At, MachineLine)>,
    /// Witnesses.
    pub witnesses: Vec<(At, WitnessLine)>,
    /// The certificate of the authority of TLS.
    pub authority: Option<(At, Digest)>,
}

impl Keys {
    /// Reads the file, if there is one.
    pub fn read(directory: &Directory, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        let Some(node) = directory.files.get(KEYS) else { return keys };
        for (key, node) in node.fields(&["people", "agents", "runners", "witnesses", "authority"], faults) {
            match key.text.as_str() {
                "people" => {
                    for (name, node) in node.map(faults) {
                        let of = node.list(faults).iter().filter_map(|node| person_key(node, faults));
                        let mut of: Vec<_> = of.collect();
                        of.sort();
                        keys.people.insert(name.text.clone(), (name.at.clone(), of));
                    }
                }
                "agents" => {
                    for (name, node) in node.map(faults) {
                        match name.text.parse() {
                            Ok(place) => drop(keys.agents.insert(place, lines(node, faults))),
                            Err(error) => faults.add(&name.at, format!("{error}")),
                        }
                    }
                }
                "runners" => keys.runners = lines(node, faults),
                "witnesses" => keys.witnesses = lines(node, faults),
                _ => keys.authority = node.parsed(faults).map(|digest| (node.at.clone(), digest)),
            }
        }
        keys.unique(faults);
        keys
    }

    /// The keys of a person that approve, the first of which signs for groups.
    #[must_use]
    pub fn approval(&self, person: &str) -> Option<&SshKey> {
        let (_, keys) = self.people.get(person)?;
        keys.iter().find(|key| key.purposes.contains(&Purpose::Approve)).map(|key| &key.key)
    }

    fn unique(&self, faults: &mut Faults) {
        let lists = self.agents.values().chain([&self.runners]);
        for list in lists {
            let mut seen: Vec<&Name> = Vec::new();
            for (at, line) in list {
                if seen.contains(&&line.name) {
                    faults.add(at, format!("`{}` stands twice", line.name));
                }
                seen.push(&line.name);
            }
        }
    }
}

fn lines<T: std::str::FromStr<Err: std::fmt::Display>>(node: &Node, faults: &mut Faults) -> Vec<(At, T)> {
    let items = node.list(faults);
    items.iter().filter_map(|node| Some((node.at.clone(), node.parsed(faults)?))).collect()
}

fn person_key(node: &Node, faults: &mut Faults) -> Option<EnrolledKey> {
    let (mut key, mut purposes) = (None, Vec::new());
    for (name, node) in node.fields(&["key", "purposes"], faults) {
        if name.text == "key" {
            key = node.parsed::<SshKey>(faults);
            continue;
        }
        for item in node.list(faults) {
            match serde_json::from_value::<Purpose>(item.json()) {
                Ok(purpose) => purposes.push(purpose),
                Err(_) => faults.add(&item.at, "a purpose is `sign-in`, `approve` or `commit`"),
            }
        }
    }
    purposes.sort();
    purposes.dedup();
    if key.is_none() || purposes.is_empty() {
        faults.add(&node.at, "a key of a person has `key`, as the line of its public file, and `purposes`");
    }
    Some(EnrolledKey { key: key?, purposes })
}
