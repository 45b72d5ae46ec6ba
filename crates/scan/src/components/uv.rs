//! `uv.lock`, version 1 (<https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile>).
//!
//! The projects of the workspace are packages with a source `editable`, `virtual` or `directory`; they are no
//! components.

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Names, Package};
use super::input::{Input, joined};
use super::node::Node;
use super::purl::{Purl, pypi_name};
use super::{address, pip, urls};

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::toml(input.text)?;
    let version = lock.get("version")?.ok_or_else(|| Fault::new("`version` is missing"))?;
    match version.as_version().within(|| "version")? {
        "1" => {}
        other => return Err(Fault::version(other, "1")),
    }
    let mut graph = Graph::default();
    let mut names: Names<(usize, String)> = Names::default();
    let nodes = lock.items("package")?;
    for node in nodes {
        let name = node.need("name").within(|| "package")?;
        let number = graph.add(package(input, name, node).within(|| name)?);
        let version = node.text("version")?.unwrap_or_default().to_owned();
        names.add(&pypi_name(name), (number, version))?;
    }
    for (from, node) in nodes.iter().enumerate() {
        let name = node.need("name")?;
        let is_own = graph.packages().get(from).is_some_and(|package| package.purl.is_none());
        for (item, scope) in needs(node, is_own).within(|| name)? {
            let to = item.need("name").within(|| name)?;
            let version = item.text("version")?;
            let fits = |(_, found): &&(usize, String)| version.is_none_or(|version| version == found);
            let found: Vec<usize> =
                names.of(&pypi_name(to)).iter().filter(fits).map(|(number, _)| *number).collect();
            if found.is_empty() {
                return Err(Fault::new(format!("dependency `{to}` is no package of the file")).within(name));
            }
            found.into_iter().for_each(|to| graph.edge(from, to, scope));
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// The dependencies of a package. Those of an extra are in the file because something asks for them.
fn needs(node: &Node, is_own: bool) -> Result<Vec<(&Node, Scope)>, Fault> {
    let mut needs: Vec<(&Node, Scope)> =
        node.items("dependencies")?.iter().map(|item| (item, Scope::Runtime)).collect();
    let extra = if is_own { Scope::Optional } else { Scope::Runtime };
    for (table, scope) in [("optional-dependencies", extra), ("dev-dependencies", Scope::Development)] {
        if let Some(groups) = node.get(table)? {
            for group in groups.as_map().within(|| table)?.keys() {
                needs.extend(groups.items(group)?.iter().map(|item| (item, scope)));
            }
        }
    }
    Ok(needs)
}

fn package(input: &Input<'_>, name: &str, node: &Node) -> Result<Package, Fault> {
    let source = node.get("source")?.ok_or_else(|| Fault::new("`source` is missing"))?;
    for key in ["editable", "virtual", "directory"] {
        if let Some(path) = source.text(key)? {
            if joined(input.directory(), path).is_some_and(|path| input.has_directory(&path)) {
                return Ok(Package::own(name));
            }
            let purl = Purl::pypi(name)?;
            return Ok(match node.text("version")? {
                Some(version) => Package::foreign(purl.at(version)?, name, version),
                None => Package::foreign(purl.open(), name, "*"),
            });
        }
    }
    let version = node.need("version")?;
    let mut purl = Purl::pypi(name)?;
    let mut pinned = false;
    if let Some(url) = source.text("git")? {
        pinned = urls::commit(url).is_some();
        purl = purl.with("vcs_url", &urls::git(url, urls::commit(url)))?;
    } else if let Some(url) = source.text("url")? {
        purl = purl.with("download_url", &urls::public(url))?;
    } else if let Some(url) = source.text("registry")?.filter(|url| !urls::is_pypi(url)) {
        purl = purl.with("repository_url", &urls::public(url))?;
    } else if source.text("registry")?.is_none() && source.text("path")?.is_none() {
        return Err(Fault::new("`source` is of no known sort"));
    }
    let mut files: Vec<&Node> = node.get("sdist")?.into_iter().collect();
    files.extend(node.items("wheels")?);
    let mut differs =
        source.text("url")?.or(source.text("path")?).and_then(|url| address::pypi(name, Some(version), url));
    let mut sums = Vec::new();
    for file in files {
        for archive in [file.text("url")?, file.text("filename")?, file.text("path")?].into_iter().flatten() {
            differs = differs.or_else(|| address::pypi(name, Some(version), archive));
        }
        if let Some(sum) = file.text("hash")? {
            sums.push(pip::checksum(sum)?);
        }
    }
    let mut package = Package::foreign(purl.at(version)?, name, version);
    package.differs = differs;
    package.pinned = pinned || !sums.is_empty();
    if let [(algorithm, sum)] = sums.as_slice() {
        package.checksums.insert(algorithm.clone(), sum.clone());
    }
    Ok(package)
}
