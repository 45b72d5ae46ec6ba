//! Manifests: `Cargo.toml`, `package.json` and `pyproject.toml`.
//!
//! A manifest says what the project itself needs, which readers of lockfiles ask for. Where no lockfile of its ecosystem
//! is in its directory or above, its dependencies are components without an exact version: nothing fixes them.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::file_kind::{FileKind, format_of};
use super::graph::{Graph, Package};
use super::input::{Input, base, directory, within_directory};
use super::node::Node;
use super::purl::Purl;
use super::{pip, urls};

/// Dependencies of a manifest by name.
pub type Dependencies = BTreeMap<String, Asked>;

/// The ranges that a manifest asks for under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Scope: the widest of all.
    pub scope: Scope,
    /// Ranges, each once. The first is that which counts where a package manager takes only one.
    pub ranges: Vec<String>,
}

impl Asked {
    /// Adds a range, if it is another one.
    pub fn add(&mut self, range: String) {
        if !self.ranges.contains(&range) {
            self.ranges.push(range);
        }
    }

    /// Whether only packages of the project are asked for.
    pub fn is_local(&self) -> bool {
        self.ranges.iter().all(|range| is_local(range))
    }
}

/// The package of a `Cargo.toml`.
#[derive(Clone, Debug, Default)]
pub struct CargoManifest {
    /// Name of the package.
    pub name: String,
    /// Crates that it needs, by their names on the registry.
    pub dependencies: Dependencies,
}

impl CargoManifest {
    /// Adds what another manifest of a package with the same name says.
    pub fn join(&mut self, other: Self) {
        self.name = other.name;
        for (name, asked) in other.dependencies {
            add(&mut self.dependencies, name, asked.scope, asked.ranges);
        }
    }
}

/// The parts of a root manifest that its members use.
#[derive(Clone, Debug, Default)]
pub struct SharedCargo {
    dependencies: BTreeMap<String, Node>,
    /// Names of crates that `[patch]` and `[replace]` replace.
    pub patched: BTreeSet<String>,
    /// Those of `[patch]` that come from a directory or repository instead, with its path or address.
    pub moved: BTreeMap<String, String>,
}

/// Lists the dependencies of a manifest that no lockfile covers.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let ecosystem = ecosystem(input.path);
    if !lockfiles_of(input.path, input.files).is_empty() {
        return Ok(());
    }
    let mut dependencies = match ecosystem {
        "cargo" => {
            let node = Node::toml(input.text)?;
            let shared = workspace(input)?;
            cargo(&node, &shared)?.map(|manifest| manifest.dependencies).unwrap_or_default()
        }
        "npm" => package_json(input.text)?.dependencies,
        _ => pyproject(&Node::toml(input.text)?)?.1,
    };
    if ecosystem == "pypi" {
        let listed = required(input)?;
        dependencies.retain(|name, _| !listed.contains(name));
    }
    let mut graph = Graph::default();
    let root = graph.add(Package::own(input.path));
    for (name, asked) in dependencies {
        if asked.is_local() {
            continue;
        }
        let purl = match ecosystem {
            "cargo" => Purl::cargo(&name)?,
            "npm" => Purl::npm(&name)?,
            _ => Purl::pypi(&name)?,
        };
        let ranges = asked.ranges.iter().filter(|range| !is_local(range)).map(|range| match range.trim() {
            "" => "*".to_owned(),
            range => urls::public(range),
        });
        let ranges: Vec<String> = ranges.collect();
        let number = graph.add(Package::foreign(purl.open(), &name, &ranges.join(" and ")));
        graph.edge(root, number, asked.scope);
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Names in the requirements files of the manifest's directory, which list these as components.
fn required(input: &Input<'_>) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    for path in beside(input.directory(), input.files) {
        if format_of(path).is_some_and(|format| format.kind == FileKind::PipRequirements) {
            let text = input.other(path)?.unwrap_or_default();
            names.extend(pip::names(&Input { path, text, ..*input }).within(|| path)?);
        }
    }
    Ok(names)
}

/// Reads a `Cargo.toml`; `None` for a workspace without a package.
pub fn cargo(node: &Node, shared: &SharedCargo) -> Result<Option<CargoManifest>, Fault> {
    // `project` is the old name of `package`.
    let Some(package) = node.get("package")?.or(node.get("project")?) else {
        return match node.get("workspace")? {
            Some(_) => Ok(None),
            None => Err(Fault::new("it has none of `package`, `project` and `workspace`")),
        };
    };
    let mut manifest = CargoManifest { name: package.need("name")?.to_owned(), ..CargoManifest::default() };
    let mut tables = vec![node];
    tables.extend(node.entries("target")?.map(|(_, table)| table));
    for table in tables {
        for (sort, scope) in CARGO_SORTS {
            for (key, value) in table.entries(sort)? {
                let (name, ranges, is_optional) = cargo_dependency(key, value, shared).within(|| key)?;
                let scope = if is_optional { scope.max(Scope::Optional) } else { scope };
                add(&mut manifest.dependencies, name, scope, ranges);
            }
        }
    }
    Ok(Some(manifest))
}

const CARGO_SORTS: [(&str, Scope); 5] = [
    ("dependencies", Scope::Runtime),
    ("build-dependencies", Scope::Development),
    ("build_dependencies", Scope::Development),
    ("dev-dependencies", Scope::Development),
    ("dev_dependencies", Scope::Development),
];

/// Reads what a root manifest says for others.
pub fn shared_cargo(node: &Node) -> Result<SharedCargo, Fault> {
    let mut shared = SharedCargo::default();
    if let Some(workspace) = node.get("workspace")? {
        let entries = workspace.entries("dependencies")?;
        shared.dependencies = entries.map(|(key, value)| (key.clone(), value.clone())).collect();
    }
    for (_, table) in node.entries("patch")? {
        for (key, value) in table.as_map().within(|| "patch")? {
            let renamed = if matches!(value, Node::Map(_)) { value.text("package")? } else { None };
            let name = renamed.unwrap_or(key).to_owned();
            if let Node::Map(_) = value
                && let Some(place) = value.text("path")?.or(value.text("git")?)
            {
                shared.moved.insert(name.clone(), place.to_owned());
            }
            shared.patched.insert(name);
        }
    }
    for (key, _) in node.entries("replace")? {
        shared.patched.insert(key.split(':').next().unwrap_or_default().to_owned());
    }
    Ok(shared)
}

/// Name on the registry, ranges, and whether it is optional.
fn cargo_dependency(
    key: &str,
    value: &Node,
    shared: &SharedCargo,
) -> Result<(String, Vec<String>, bool), Fault> {
    if let Node::Text(range) = value {
        return Ok((key.to_owned(), vec![range.clone()], false));
    }
    let is_optional = value.flag("optional")?;
    if matches!(value.get("workspace")?, Some(Node::Flag(true))) {
        let Some(whole) = shared.dependencies.get(key) else {
            return Ok((key.to_owned(), vec![String::new()], is_optional));
        };
        let (name, ranges, _) = cargo_dependency(key, whole, &SharedCargo::default())?;
        return Ok((name, ranges, is_optional));
    }
    let name = value.text("package")?.unwrap_or(key).to_owned();
    if let Some(path) = value.text("path")? {
        return Ok((name, vec![format!("path:{path}")], is_optional));
    }
    let mut ranges: Vec<String> = value.text("version")?.map(str::to_owned).into_iter().collect();
    if let Some(url) = value.text("git")? {
        ranges.push(git(url, value)?);
    }
    if ranges.is_empty() {
        ranges.push(String::new());
    }
    Ok((name, ranges, is_optional))
}

/// The address of a git repository with the reference that a table asks for.
fn git(url: &str, table: &Node) -> Result<String, Fault> {
    for key in ["rev", "tag", "branch"] {
        if let Some(reference) = table.text(key)? {
            return Ok(format!("git+{url}?{key}={reference}"));
        }
    }
    Ok(format!("git+{url}"))
}

/// The contents of a `package.json`.
#[derive(Clone, Debug)]
pub struct PackageJson {
    /// Name of the package; empty if it has none.
    pub name: String,
    /// Packages that it needs.
    pub dependencies: Dependencies,
}

/// Reads a `package.json`.
pub fn package_json(text: &str) -> Result<PackageJson, Fault> {
    let node = Node::json(text)?;
    let name = node.text("name")?.unwrap_or_default().to_owned();
    Ok(PackageJson { name, dependencies: npm_dependencies(&node)? })
}

/// Reads the packages that a project needs, from its manifest or from its entry in a lockfile of npm.
pub fn npm_dependencies(node: &Node) -> Result<Dependencies, Fault> {
    let mut dependencies = Dependencies::new();
    let sorts = [
        ("optionalDependencies", Scope::Optional),
        ("dependencies", Scope::Runtime),
        ("devDependencies", Scope::Development),
    ];
    let optional = node.get("optionalDependencies")?.map(Node::as_map).transpose()?;
    for (sort, scope) in sorts {
        for (name, range) in node.entries(sort)? {
            // npm: an entry of `optionalDependencies` overrides that of `dependencies`.
            let is_overridden = sort == "dependencies" && optional.is_some_and(|map| map.contains_key(name));
            if !is_overridden {
                let range = range.as_text().within(|| name)?.to_owned();
                add(&mut dependencies, name.clone(), scope, [range]);
            }
        }
    }
    Ok(dependencies)
}

/// Reads the packages that a project needs, with those that it expects beside it, as npm installs these too.
pub fn npm_with_peers(node: &Node) -> Result<Dependencies, Fault> {
    let mut dependencies = npm_dependencies(node)?;
    for (name, range) in node.entries("peerDependencies")? {
        let range = range.as_text().within(|| name)?.to_owned();
        add(&mut dependencies, name.clone(), Scope::Runtime, [range]);
    }
    Ok(dependencies)
}

/// Where uv takes packages from, by name: addresses and paths as ranges have them.
pub fn uv_sources(uv: &Node) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let mut sources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in uv.entries("sources")? {
        let items =
            if let Node::List(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
        let found = sources.entry(super::purl::pypi_name(name)).or_default();
        for item in items {
            if let Some(url) = item.text("git").within(|| name)? {
                found.push(git(url, item)?);
            }
            found.extend(item.text("url")?.map(str::to_owned));
            found.extend(item.text("path")?.map(|path| format!("path:{path}")));
            if item.flag("workspace")? {
                found.push("workspace:".to_owned());
            }
        }
    }
    Ok(sources)
}

/// Name of the project, and the projects that it needs by normal name.
pub fn pyproject(node: &Node) -> Result<(String, Dependencies), Fault> {
    let mut found = Dependencies::new();
    let mut name = String::new();
    let mut lines = |items: &[Node], scope| -> Result<(), Fault> {
        // An item that is a map includes another group, whose items are listed there.
        for item in items.iter().filter(|item| !matches!(item, Node::Map(_))) {
            let requirement = pip::requirement(item.as_text()?)?;
            let range = requirement.url.clone().unwrap_or_else(|| requirement.range.clone());
            add(&mut found, super::purl::pypi_name(&requirement.name), scope, [range]);
        }
        Ok(())
    };
    if let Some(project) = node.get("project")? {
        name = project.text("name")?.unwrap_or_default().to_owned();
        lines(project.items("dependencies")?, Scope::Runtime).within(|| "project.dependencies")?;
        for (extra, _) in project.entries("optional-dependencies")? {
            let table = project.get("optional-dependencies")?.unwrap_or(project);
            lines(table.items(extra)?, Scope::Optional).within(|| "project.optional-dependencies")?;
        }
    }
    if let Some(groups) = node.get("dependency-groups")? {
        for group in groups.as_map()?.keys() {
            lines(groups.items(group)?, Scope::Development).within(|| "dependency-groups")?;
        }
    }
    let tool = |name| -> Result<_, Fault> {
        Ok(node.get("tool")?.map(|tool| tool.get(name)).transpose()?.flatten())
    };
    if let Some(uv) = tool("uv")? {
        lines(uv.items("dev-dependencies")?, Scope::Development).within(|| "tool.uv.dev-dependencies")?;
    }
    if let Some(pdm) = tool("pdm")? {
        for (group, _) in pdm.entries("dev-dependencies")? {
            let table = pdm.get("dev-dependencies")?.unwrap_or(pdm);
            lines(table.items(group)?, Scope::Development).within(|| "tool.pdm.dev-dependencies")?;
        }
    }
    if let Some(poetry) = tool("poetry")? {
        name = poetry.text("name")?.map_or(name, str::to_owned);
        poetry_dependencies(poetry, &mut found).within(|| "tool.poetry")?;
    }
    found.remove("python");
    Ok((name, found))
}

fn poetry_dependencies(poetry: &Node, found: &mut Dependencies) -> Result<(), Fault> {
    let mut tables =
        vec![(poetry, "dependencies", Scope::Runtime), (poetry, "dev-dependencies", Scope::Development)];
    for (name, group) in poetry.entries("group")? {
        let scope = if name == "main" { Scope::Runtime } else { Scope::Development };
        tables.push((group, "dependencies", scope));
    }
    for (table, key, scope) in tables {
        for (name, value) in table.entries(key)? {
            // A list has one item for each system or version of Python.
            let items =
                if let Node::List(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
            for item in items {
                let (ranges, is_optional) = match item {
                    Node::Map(_) => (poetry_ranges(item)?, item.flag("optional")?),
                    item => (vec![item.as_text().within(|| name)?.to_owned()], false),
                };
                let scope = if is_optional { scope.max(Scope::Optional) } else { scope };
                add(found, super::purl::pypi_name(name), scope, ranges);
            }
        }
    }
    Ok(())
}

fn poetry_ranges(value: &Node) -> Result<Vec<String>, Fault> {
    let mut ranges: Vec<String> = value.text("version")?.map(str::to_owned).into_iter().collect();
    if let Some(path) = value.text("path")?.or(value.text("file")?) {
        return Ok(vec![format!("path:{path}")]);
    }
    if let Some(url) = value.text("git")? {
        ranges.push(git(url, value)?);
    }
    ranges.extend(value.text("url")?.map(str::to_owned));
    if ranges.is_empty() {
        ranges.push(String::new());
    }
    Ok(ranges)
}

fn add(
    dependencies: &mut Dependencies,
    name: String,
    scope: Scope,
    ranges: impl IntoIterator<Item = String>,
) {
    let entry = dependencies.entry(name).or_insert(Asked { scope, ranges: Vec::new() });
    entry.scope = entry.scope.min(scope);
    ranges.into_iter().for_each(|range| entry.add(range));
}

/// Whether a range is the path of a package of the project.
pub fn is_local(range: &str) -> bool {
    ["path:", "file:", "link:", "workspace:", "portal:"].iter().any(|prefix| range.starts_with(prefix))
}

/// The files of a directory itself.
fn beside<'a>(at: &str, files: &'a BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = &'a str> {
    let below = if at.is_empty() { String::new() } else { format!("{at}/") };
    let paths = files.range(below.clone()..).map(|(path, _)| path.as_str());
    let length = below.len();
    let paths = paths.take_while(move |path| path.starts_with(&below));
    paths.filter(move |path| path.get(length..).is_some_and(|name| !name.contains('/')))
}

/// The lockfiles of the manifest's ecosystem in the nearest directory that has some: its own, or one above. Requirements
/// files do not count: they need not list what the manifest asks for, and a `Pipfile.lock` is that of a `Pipfile`.
pub fn lockfiles_of<'a>(manifest: &str, files: &'a BTreeMap<String, Vec<u8>>) -> Vec<&'a str> {
    let is_lockfile = |path: &str| {
        format_of(path).is_some_and(|format| {
            format.ecosystem == ecosystem(manifest)
                && !matches!(format.kind, FileKind::PipRequirements | FileKind::PipfileLock)
        })
    };
    let mut above = directory(manifest);
    loop {
        let found: Vec<&str> = beside(above, files).filter(|path| is_lockfile(path)).collect();
        if !found.is_empty() || above.is_empty() {
            return found;
        }
        above = directory(above);
    }
}

fn ecosystem(manifest: &str) -> &'static str {
    match base(manifest) {
        "Cargo.toml" => "cargo",
        "package.json" => "npm",
        _ => "pypi",
    }
}

/// The shared parts of the workspace above a manifest.
fn workspace(input: &Input<'_>) -> Result<SharedCargo, Fault> {
    let mut above = input.directory();
    loop {
        let path = within_directory(above, "Cargo.toml");
        let node = input.other(&path)?.map(Node::toml).transpose().within(|| &path)?;
        if let Some(node) = node.filter(|node| matches!(node.get("workspace"), Ok(Some(_)))) {
            return shared_cargo(&node).within(|| &path);
        }
        if above.is_empty() {
            return Ok(SharedCargo::default());
        }
        above = directory(above);
    }
}
