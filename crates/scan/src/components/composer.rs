//! `composer.lock` (<https://getcomposer.org/doc/01-basic-usage.md#commit-your-composer-lock-file-to-version-control>),
//! with the `composer.json` beside it for what the project itself needs.

use std::collections::BTreeMap;

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, joined, within_directory};
use super::node::Node;
use super::purl::Purl;
use super::{pip, urls};

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::json(input.text)?;
    lock.need("content-hash")?;
    if lock.get("packages")?.is_none() {
        return Err(Fault::new("`packages` is missing"));
    }
    let mut graph = Graph::default();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (list, scope) in [("packages", Scope::Runtime), ("packages-dev", Scope::Development)] {
        if matches!(lock.get(list)?, Some(Node::Null)) {
            continue;
        }
        for node in lock.items(list)? {
            let name = node.need("name").within(|| list)?;
            let mut package = package(input, name, node).within(|| name.to_owned())?;
            package.scope = package.purl.is_some().then_some(scope);
            let number = graph.add(package);
            if numbers.insert(name.to_lowercase(), number).is_some() {
                return Err(Fault::new("the package occurs twice").within(name));
            }
            nodes.push((number, node));
        }
    }
    for (from, node) in nodes {
        // A platform, such as `ext-json`, and a package that another one provides have no entry.
        for name in required(node, "require")? {
            if let Some(to) = numbers.get(&name) {
                graph.edge(from, *to, Scope::Runtime);
            }
        }
    }
    let path = within_directory(input.directory(), "composer.json");
    if let Some(text) = input.other(&path)? {
        let manifest = Node::json(text).within(|| &path)?;
        let root = graph.add(Package::own(manifest.text("name")?.unwrap_or_default()));
        for (list, scope) in [("require", Scope::Runtime), ("require-dev", Scope::Development)] {
            for name in required(&manifest, list).within(|| &path)? {
                if let Some(to) = numbers.get(&name) {
                    graph.edge(root, *to, scope);
                }
            }
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Names in lower case. Composer writes an empty map as a list.
fn required(node: &Node, key: &str) -> Result<Vec<String>, Fault> {
    match node.get(key)? {
        None => Ok(Vec::new()),
        Some(Node::List(items)) if items.is_empty() => Ok(Vec::new()),
        Some(map) => {
            Ok(map.as_map().within(|| key.to_owned())?.keys().map(|name| name.to_lowercase()).collect())
        }
    }
}

fn package(input: &Input<'_>, name: &str, node: &Node) -> Result<Package, Fault> {
    let version = node.need("version")?;
    let mut purl = Purl::composer(name)?;
    let dist = node.get("dist")?.filter(|dist| **dist != Node::Null);
    let source = node.get("source")?.filter(|source| **source != Node::Null);
    let mut sums = BTreeMap::new();
    if let Some(dist) = dist {
        let url = dist.text("url")?.unwrap_or_default();
        if dist.text("type")? == Some("path") {
            if joined(input.directory(), url).is_some_and(|path| input.has_directory(&path)) {
                return Ok(Package::own(name));
            }
            purl = purl.with("download_url", &urls::public(url))?;
        }
        if let Some(sum) = dist.text("shasum")?.filter(|sum| !sum.is_empty()) {
            let (algorithm, sum) = pip::checksum(&format!("sha1:{sum}"))?;
            sums.insert(algorithm, sum);
        }
    }
    let reference = match (source, dist) {
        (Some(part), _) | (None, Some(part)) => part.text("reference").ok().flatten(),
        _ => None,
    };
    // Packages of the registry have the address by which Composer counts their downloads.
    let is_registry = node.text("notification-url")?.is_some();
    if let Some(source) = source.filter(|_| !is_registry)
        && source.text("type")? == Some("git")
    {
        purl = purl.with("vcs_url", &urls::git(source.need("url").within(|| "source")?, reference))?;
    }
    let mut package = Package::foreign(purl.at(version)?, name, version).pinned_by(sums);
    package.pinned |= reference.is_some_and(urls::is_commit);
    Ok(package)
}
