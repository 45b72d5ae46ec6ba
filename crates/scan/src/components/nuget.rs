//! `packages.lock.json` of NuGet
//! (<https://learn.microsoft.com/nuget/consume-packages/package-references-in-project-files#locking-dependencies>).
//!
//! Its `contentHash` fixes the content of a package without its signature. It is no checksum of the file, so a component
//! is pinned by it and has no checksum.

use std::collections::BTreeMap;

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::Input;
use super::node::Node;
use super::npm_entry::integrity;
use super::purl::Purl;

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::json(input.text)?;
    let version = lock.get("version")?.ok_or_else(|| Fault::new("`version` is missing"))?.as_version()?;
    if !matches!(version, "1" | "2") {
        return Err(Fault::version(version, "1 and 2"));
    }
    let frameworks = lock.get("dependencies")?.ok_or_else(|| Fault::new("`dependencies` is missing"))?;
    let mut graph = Graph::default();
    let root = graph.add(Package::own(input.path));
    for (framework, packages) in frameworks.as_map().within(|| "dependencies")? {
        read_framework(packages, root, &mut graph).within(|| framework.to_owned())?;
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Reads the packages of one framework. Names differ in case between an entry and those who need it.
fn read_framework(packages: &Node, root: usize, graph: &mut Graph) -> Result<(), Fault> {
    let packages = packages.as_map()?;
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for (name, node) in packages {
        let (package, is_direct) = package(name, node).within(|| name.to_owned())?;
        let number = graph.add(package);
        if numbers.insert(name.to_lowercase(), number).is_some() {
            return Err(Fault::new("the package occurs twice").within(name));
        }
        if is_direct {
            graph.edge(root, number, Scope::Runtime);
        }
    }
    for (name, node) in packages {
        for (needed, _) in node.entries("dependencies").within(|| name.to_owned())? {
            let needed = needed.to_lowercase();
            let from = numbers.get(&name.to_lowercase());
            // A dependency that the framework itself contains has no entry.
            if let (Some(from), Some(to)) = (from, numbers.get(&needed)) {
                graph.edge(*from, *to, Scope::Runtime);
            }
        }
    }
    Ok(())
}

fn package(name: &str, node: &Node) -> Result<(Package, bool), Fault> {
    let is_direct = match node.need("type")? {
        "Project" => return Ok((Package::own(name), false)),
        "Direct" => true,
        "Transitive" | "CentralTransitive" => false,
        other => return Err(Fault::new(format!("the type `{other}` is unknown"))),
    };
    let version = node.need("resolved")?;
    let mut package = Package::foreign(Purl::nuget(name)?.at(version)?, name, version);
    if let Some(hash) = node.text("contentHash")? {
        package.pinned = !integrity(&format!("sha512-{hash}"))?.is_empty();
    }
    Ok((package, is_direct))
}
