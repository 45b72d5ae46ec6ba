//! `Pipfile.lock` of Pipenv (<https://pipenv.pypa.io/en/latest/pipfile.html>), with the `Pipfile` beside it for what the
//! project itself needs. The lockfile does not say which package needs which.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, joined, within_directory};
use super::node::Node;
use super::purl::{Purl, pypi_name};
use super::{address, pip, urls};

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::json(input.text)?;
    let meta = lock.get("_meta")?.ok_or_else(|| Fault::new("`_meta` is missing"))?;
    let version = meta.get("pipfile-spec")?.ok_or_else(|| Fault::new("`pipfile-spec` is missing"))?;
    let version = version.as_version().within(|| "pipfile-spec")?;
    if version != "6" {
        return Err(Fault::version(version, "6"));
    }
    for category in ["default", "develop"] {
        if lock.get(category)?.is_none() {
            return Err(Fault::new(format!("`{category}` is missing; is the file cut?")));
        }
    }
    let mut indexes = BTreeMap::new();
    for source in meta.items("sources").within(|| "_meta")? {
        indexes.insert(source.need("name")?, source.need("url")?);
    }
    let direct = direct(input)?;
    let mut graph = Graph::default();
    for (category, packages) in lock.as_map()?.iter().filter(|(category, _)| *category != "_meta") {
        let scope = match category.as_str() {
            "default" => Scope::Runtime,
            "develop" => Scope::Development,
            _ => Scope::Optional,
        };
        for (name, node) in packages.as_map().within(|| category.to_owned())? {
            let mut package = package(input, name, node, &indexes).within(|| name.to_owned())?;
            package.scope = package.purl.is_some().then_some(scope);
            package.direct = direct.as_ref().map(|direct| direct.contains(&pypi_name(name)));
            graph.add(package);
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Normal names in the `Pipfile`; `None` without such a file.
fn direct(input: &Input<'_>) -> Result<Option<BTreeSet<String>>, Fault> {
    let path = within_directory(input.directory(), "Pipfile");
    let Some(text) = input.other(&path)? else { return Ok(None) };
    let manifest = Node::toml(text).within(|| &path)?;
    let tables = manifest.as_map()?.iter().filter(|(key, _)| !TABLES.contains(&key.as_str()));
    let names = tables.filter_map(|(_, table)| table.as_map().ok()).flat_map(BTreeMap::keys);
    Ok(Some(names.map(|name| pypi_name(name)).collect()))
}

/// Tables of a `Pipfile` that list no packages.
const TABLES: [&str; 4] = ["source", "requires", "scripts", "pipenv"];

fn package(
    input: &Input<'_>,
    name: &str,
    node: &Node,
    indexes: &BTreeMap<&str, &str>,
) -> Result<Package, Fault> {
    let mut purl = Purl::pypi(name)?;
    let mut sums = Vec::new();
    for sum in node.items("hashes")? {
        sums.push(pip::checksum(sum.as_text()?)?);
    }
    let mut version = node.text("version")?.map(|range| range.trim_start_matches('=').trim().to_owned());
    let (mut pinned, mut differs) = (false, None);
    if let Some(url) = node.text("git")? {
        let commit = node.text("ref")?;
        pinned = commit.is_some_and(urls::is_commit);
        version = version.or_else(|| commit.map(str::to_owned));
        purl = purl.with("vcs_url", &urls::git(url, commit))?;
    } else if let Some(path) = node.text("path")?.or(node.text("file")?) {
        if joined(input.directory(), path).is_some_and(|path| input.has_directory(&path)) {
            return Ok(Package::own(name));
        }
        differs = address::pypi(name, version.as_deref(), path);
        purl = purl.with("download_url", &urls::public(path))?;
    } else if let Some(index) = node.text("index")? {
        let url = indexes.get(index).copied();
        if let Some(url) = url.filter(|url| !urls::is_pypi(url)) {
            purl = purl.with("repository_url", &urls::public(url))?;
        }
    } else if version.is_none() {
        return Err(Fault::new("`version` is missing"));
    }
    let mut package = match version {
        Some(version) => Package::foreign(purl.at(&version)?, name, &version),
        None => Package::foreign(purl.open(), name, "*"),
    };
    package.pinned = pinned || !sums.is_empty();
    if let [(algorithm, sum)] = sums.as_slice() {
        package.checksums.insert(algorithm.clone(), sum.clone());
    }
    package.differs = differs;
    Ok(package)
}
