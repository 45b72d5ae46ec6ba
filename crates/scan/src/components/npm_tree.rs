//! Version 1 of `package-lock.json`: packages inside packages, which become entries with places as in later versions.

use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::input::{Input, within_directory};
use super::node::Node;
use super::npm_entry::{Entry, PLACE_BYTES_MAX, is_git, needs, scope};

/// The entries of a lockfile, sorted by place. The project's entry is there if its `package.json` is in the tree.
pub fn entries(input: &Input<'_>, lock: &Node) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    let path = within_directory(input.directory(), "package.json");
    if let Some(manifest) = input.other(&path)?.map(Node::json).transpose().within(|| &path)? {
        let needs = needs(&manifest, true).within(|| &path)?;
        entries.push(Entry { needs, ..Entry::default() });
    }
    collect(lock, "", &mut entries)?;
    entries.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(entries)
}

/// Adds the packages inside a package. The depth is that of the JSON, which its reader limits.
fn collect(node: &Node, above: &str, entries: &mut Vec<Entry>) -> Result<(), Fault> {
    for (name, inner) in node.entries("dependencies")? {
        let place = within_directory(above, &format!("node_modules/{name}"));
        if place.len() > PLACE_BYTES_MAX {
            return Err(Fault::new(format!("a place has more than {PLACE_BYTES_MAX} bytes")));
        }
        entries.push(entry(&place, inner).within(|| &place)?);
        collect(inner, &place, entries)?;
    }
    Ok(())
}

fn entry(place: &str, node: &Node) -> Result<Entry, Fault> {
    let written = node.need("version")?;
    let mut entry = Entry {
        place: place.to_owned(),
        version: Some(written.to_owned()),
        resolved: node.text("resolved")?.map(str::to_owned),
        integrity: node.text("integrity")?.map(str::to_owned),
        bundled: node.flag("bundled")?,
        scope: scope(node)?,
        ..Entry::default()
    };
    if let Some(alias) = written.strip_prefix("npm:") {
        let at = alias.rfind('@').filter(|at| *at > 0);
        let (name, version) = at.and_then(|at| alias.split_at_checked(at)).unwrap_or((alias, ""));
        entry.name = Some(name.to_owned());
        entry.version = Some(version.trim_start_matches('@').to_owned());
    } else if let Some(path) = written.strip_prefix("file:") {
        let is_archive = path.ends_with(".tgz") || path.ends_with(".tar.gz");
        entry.link = (!is_archive).then(|| path.to_owned());
        entry.version = is_archive.then(|| "0.0.0".to_owned());
    } else if is_git(written) || written.starts_with("http") {
        // This version of the format has no other: the address is the version, its commit the shortest of it.
        entry.resolved = Some(written.to_owned());
        let version =
            super::urls::commit(written).map_or_else(|| super::urls::public(written), str::to_owned);
        entry.version = Some(version);
    }
    if let Some(Node::Map(requires)) = node.get("requires")? {
        entry.needs = requires.keys().map(|name| (name.clone(), Scope::Runtime)).collect();
    }
    Ok(entry)
}
