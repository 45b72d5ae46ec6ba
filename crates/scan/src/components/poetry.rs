//! `poetry.lock`, versions 1 and 2 (<https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock>), with the
//! `pyproject.toml` beside it for what the project itself needs.

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
    let version = metadata.need("lock-version").within(|| "metadata")?;
    if !matches!(version.split('.').next(), Some("1" | "2")) {
        return Err(Fault::version(version, "1 and 2"));
    }
    let mut graph = Graph::default();
    let mut names: Names<usize> = Names::default();
    let nodes = lock.items("package")?;
    for node in nodes {
        let name = node.need("name").within(|| "package")?;
        let number = graph.add(package(input, name, node, metadata).within(|| name)?);
        names.add(&pypi_name(name), number)?;
    }
    for (from, node) in nodes.iter().enumerate() {
        for (name, value) in
            node.entries("dependencies").within(|| node.need("name").unwrap_or_default().to_owned())?
        {
            let is_optional = matches!(value, Node::Map(_)) && value.flag("optional")?;
            let scope = if is_optional { Scope::Optional } else { Scope::Runtime };
            // A dependency of an extra that nothing asks for is not in the file.
            for to in names.of(&pypi_name(name)) {
                graph.edge(from, *to, scope);
            }
        }
    }
    let path = within_directory(input.directory(), "pyproject.toml");
    if let Some(text) = input.other(&path)? {
        let (name, dependencies) = Node::toml(text).and_then(|node| pyproject(&node)).within(|| &path)?;
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

fn package(input: &Input<'_>, name: &str, node: &Node, metadata: &Node) -> Result<Package, Fault> {
    let version = node.need("version")?;
    let mut purl = Purl::pypi(name)?;
    let (mut pinned, mut differs) = (false, None);
    if let Some(source) = node.get("source")? {
        let url = source.need("url").within(|| "source")?;
        match source.need("type").within(|| "source")? {
            "directory" if joined(input.directory(), url).is_some_and(|path| input.has_directory(&path)) => {
                return Ok(Package::own(name));
            }
            "git" => {
                let commit = source.text("resolved_reference")?.or(source.text("reference")?);
                pinned = commit.is_some_and(urls::is_commit);
                purl = purl.with("vcs_url", &urls::git(url, commit))?;
            }
            "url" => {
                differs = address::pypi(name, Some(version), url);
                purl = purl.with("download_url", &urls::public(url))?;
            }
            "legacy" if urls::is_pypi(url) => {}
            "legacy" => purl = purl.with("repository_url", &urls::public(url))?,
            _ => {}
        }
    }
    let sums = checksums(name, node, metadata)?;
    let mut package = Package::foreign(purl.at(version)?, name, version);
    package.pinned = pinned || !sums.is_empty();
    if let [(algorithm, sum)] = sums.as_slice() {
        package.checksums.insert(algorithm.clone(), sum.clone());
    }
    for file in node.items("files")? {
        let archive = file.text("file")?;
        differs = differs.or_else(|| address::pypi(name, Some(version), archive?));
    }
    package.differs = differs;
    package.scope = scope(node)?;
    Ok(package)
}

/// Hashes of the files of a package: in the package, or in older versions by name in `metadata`.
fn checksums(name: &str, node: &Node, metadata: &Node) -> Result<Vec<(String, String)>, Fault> {
    let mut sums = Vec::new();
    let mut files: Vec<&Node> = node.items("files")?.iter().collect();
    if let Some(table) = metadata.get("files")? {
        files.extend(table.items(name)?);
    }
    for file in files {
        sums.push(pip::checksum(file.need("hash")?)?);
    }
    if let Some(table) = metadata.get("hashes")? {
        for sum in table.items(name)? {
            sums.push(pip::checksum(&format!("sha256:{}", sum.as_text()?))?);
        }
    }
    Ok(sums)
}

/// The scope, where the lockfile states it.
fn scope(node: &Node) -> Result<Option<Scope>, Fault> {
    let runtime = if node.flag("optional")? { Scope::Optional } else { Scope::Runtime };
    if let Some(category) = node.text("category")? {
        return Ok(Some(if category == "dev" { Scope::Development } else { runtime }));
    }
    let groups = node.items("groups")?;
    if groups.is_empty() {
        return Ok((runtime == Scope::Optional).then_some(runtime));
    }
    let is_main = groups.iter().any(|group| matches!(group, Node::Text(name) if name == "main"));
    Ok(Some(if is_main { runtime } else { Scope::Development }))
}
