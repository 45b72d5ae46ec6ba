//! `pdm.lock`, version 4 (<https://pdm-project.org/latest/usage/lockfile/>), with the `pyproject.toml` beside it for what
//! the project itself needs.

use std::collections::BTreeSet;

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Names, Package};
use super::input::{Input, joined, within_directory};
use super::manifests::pyproject;
use super::node::Node;
use super::purl::{Purl, pypi_name};
use super::{address, pip, urls};

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::toml(input.text)?;
    let metadata = lock.get("metadata")?.ok_or_else(|| Fault::new("`metadata` is missing"))?;
    let version = metadata.need("lock_version").within(|| "metadata")?;
    if version.split('.').next() != Some("4") {
        return Err(Fault::version(version, "4"));
    }
    let path = within_directory(input.directory(), "pyproject.toml");
    let manifest = input.other(&path)?.map(Node::toml).transpose().within(|| &path)?;
    let extras = manifest.as_ref().map(extras).transpose()?.unwrap_or_default();
    let mut graph = Graph::default();
    let mut names: Names<usize> = Names::default();
    let nodes = lock.items("package")?;
    let mut numbers = Vec::new();
    for node in nodes {
        let name = node.need("name").within(|| "package")?;
        let mut package = package(input, name, node).within(|| name)?;
        if package.purl.is_some() {
            package.scope = scope(node, &extras).within(|| name)?;
        }
        let number = graph.add(package);
        names.add(&pypi_name(name), number)?;
        numbers.push(number);
    }
    for (from, node) in numbers.into_iter().zip(nodes) {
        for item in node.items("dependencies")? {
            let name = pip::requirement(item.as_text()?)?.name;
            // The environment may not need it, and then it is not in the file.
            for to in names.of(&pypi_name(&name)) {
                graph.edge(from, *to, Scope::Runtime);
            }
        }
    }
    if let Some(manifest) = &manifest {
        let (name, dependencies) = pyproject(manifest).within(|| &path)?;
        let root = graph.add(Package::own(&name));
        for (name, asked) in dependencies {
            for to in names.of(&name) {
                graph.edge(root, *to, asked.scope);
            }
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Names of the groups that users may ask for; other groups are for development.
fn extras(manifest: &Node) -> Result<BTreeSet<String>, Fault> {
    let Some(project) = manifest.get("project")? else { return Ok(BTreeSet::new()) };
    Ok(project.entries("optional-dependencies")?.map(|(name, _)| name.clone()).collect())
}

/// The scope by the groups of a package; those before version 4.4 have none.
fn scope(node: &Node, extras: &BTreeSet<String>) -> Result<Option<Scope>, Fault> {
    let mut found = None;
    for group in node.items("groups")? {
        let scope = match group.as_text()? {
            "default" => Scope::Runtime,
            group if extras.contains(group) => Scope::Optional,
            _ => Scope::Development,
        };
        found = Some(found.map_or(scope, |found: Scope| found.min(scope)));
    }
    Ok(found)
}

fn package(input: &Input<'_>, name: &str, node: &Node) -> Result<Package, Fault> {
    let version = node.need("version")?;
    let mut purl = Purl::pypi(name)?;
    let (mut pinned, mut differs) = (false, None);
    if let Some(url) = node.text("git")? {
        let commit = node.text("revision")?.or(node.text("ref")?);
        pinned = commit.is_some_and(urls::is_commit);
        purl = purl.with("vcs_url", &urls::git(url, commit))?;
    } else if let Some(url) = node.text("url")? {
        differs = address::pypi(name, Some(version), url);
        purl = purl.with("download_url", &urls::public(url))?;
    } else if let Some(path) = node.text("path")?
        && joined(input.directory(), path).is_some_and(|path| input.has_directory(&path))
    {
        return Ok(Package::own(name));
    }
    let mut sums = Vec::new();
    for file in node.items("files")? {
        sums.push(pip::checksum(file.need("hash")?)?);
        for archive in [file.text("file")?, file.text("url")?].into_iter().flatten() {
            differs = differs.or_else(|| address::pypi(name, Some(version), archive));
        }
    }
    let mut package = Package::foreign(purl.at(version)?, name, version);
    package.pinned = pinned || !sums.is_empty();
    if let [(algorithm, sum)] = sums.as_slice() {
        package.checksums.insert(algorithm.clone(), sum.clone());
    }
    package.differs = differs;
    Ok(package)
}
