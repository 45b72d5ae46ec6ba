//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3
//! (<https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json>).
//!
//! A package is an entry with a place such as `node_modules/a/node_modules/b`; a need of `b` is looked up there as Node
//! does: below the package, then below each directory above it. An entry outside `node_modules` is the project's.

use std::collections::BTreeMap;

use evidence::document::ComponentsDocument;

use super::fault::{Fault, Within};
use super::graph::Graph;
use super::input::{Input, base, directory, within_directory};
use super::node::Node;
use super::npm_entry::Entry;
use super::npm_tree;

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::json(input.text)?;
    let version = lock.get("lockfileVersion")?.map(Node::as_version).transpose();
    let entries = match version.within(|| "lockfileVersion")? {
        Some("1") => npm_tree::entries(input, &lock)?,
        Some("2" | "3") => {
            let packages = lock.entries("packages")?;
            packages.map(|(place, node)| Entry::of(place, node)).collect::<Result<Vec<_>, _>>()?
        }
        Some(other) => return Err(Fault::version(other, "1 to 3")),
        None => return Err(Fault::new("`lockfileVersion` is missing")),
    };
    let mut graph = Graph::default();
    let mut numbers = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.link.is_none()) {
        let package = entry.package(input, &entries).within(|| &entry.place)?;
        numbers.insert(entry.place.as_str(), graph.add(package));
    }
    for entry in &entries {
        if let Some(target) = &entry.link {
            let number = match numbers.get(target.as_str()) {
                Some(number) => *number,
                None => graph.add(entry.outside(input)?),
            };
            numbers.insert(entry.place.as_str(), number);
        }
    }
    for entry in entries.iter().filter(|entry| entry.link.is_none()) {
        let Some(from) = numbers.get(entry.place.as_str()) else { continue };
        for (name, scope) in &entry.needs {
            // Peers and optional packages may be missing: their edge is then unknown.
            if let Some(to) = find(&numbers, &entry.place, name) {
                graph.edge(*from, to, *scope);
            }
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// The number of the package that `name` means at a place.
fn find(numbers: &BTreeMap<&str, usize>, place: &str, name: &str) -> Option<usize> {
    let mut above = place;
    loop {
        if base(above) != "node_modules" {
            let candidate = within_directory(above, &format!("node_modules/{name}"));
            if let Some(number) = numbers.get(candidate.as_str()) {
                return Some(*number);
            }
        }
        if above.is_empty() {
            return None;
        }
        above = directory(above);
    }
}
