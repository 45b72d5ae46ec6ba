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

/// Dependencies of a manifest: by name, their scope and range.
pub type Dependencies = BTreeMap<String, (Scope, String)>;

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
        for (name, (scope, range)) in other.dependencies {
            add(&mut self.dependencies, name, scope, range);
        }
    }
}

/// The parts of a root manifest that its members use.
#[derive(Clone, Debug, Default)]
pub struct SharedCargo {
    dependencies: BTreeMap<String, Node>,
    /// Names of crates that `[patch]` and `[replace]` replace.
    pub patched: BTreeSet<String>,
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
    for (name, (scope, range)) in dependencies {
        if is_local(&range) {
            continue;
        }
        let purl = match ecosystem {
            "cargo" => Purl::cargo(&name)?,
            "npm" => Purl::npm(&name)?,
            _ => Purl::pypi(&name)?,
        };
        let range = if range.trim().is_empty() { "*" } else { range.trim() };
        let number = graph.add(Package::foreign(purl.open(), &name, &urls::public(range)));
        graph.edge(root, number, scope);
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
    let Some(package) = node.get("package")? else { return Ok(None) };
    let mut manifest = CargoManifest { name: package.need("name")?.to_owned(), ..CargoManifest::default() };
    let mut tables = vec![node];
    tables.extend(node.entries("target")?.map(|(_, table)| table));
    for table in tables {
        for (sort, scope) in CARGO_SORTS {
            for (key, value) in table.entries(sort)? {
                let (name, range, is_optional) = cargo_dependency(key, value, shared).within(|| key)?;
                let scope = if is_optional { scope.max(Scope::Optional) } else { scope };
                add(&mut manifest.dependencies, name, scope, range);
            }
        }
    }
    Ok(Some(manifest))
}

const CARGO_SORTS: [(&str, Scope); 3] = [
    ("dependencies", Scope::Runtime),
    ("build-dependencies", Scope::Development),
    ("dev-dependencies", Scope::Development),
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
            shared.patched.insert(renamed.unwrap_or(key).to_owned());
        }
    }
    for (key, _) in node.entries("replace")? {
        shared.patched.insert(key.split(':').next().unwrap_or_default().to_owned());
    }
    Ok(shared)
}

/// Name on the registry, range, and whether it is optional.
fn cargo_dependency(key: &str, value: &Node, shared: &SharedCargo) -> Result<(String, String, bool), Fault> {
    if let Node::Text(range) = value {
        return Ok((key.to_owned(), range.clone(), false));
    }
    let is_optional = value.flag("optional")?;
    if matches!(value.get("workspace")?, Some(Node::Flag(true))) {
        let Some(whole) = shared.dependencies.get(key) else {
            return Ok((key.to_owned(), String::new(), is_optional));
        };
        let (name, range, _) = cargo_dependency(key, whole, &SharedCargo::default())?;
        return Ok((name, range, is_optional));
    }
    let name = value.text("package")?.unwrap_or(key).to_owned();
    let range = match (value.text("path")?, value.text("version")?, value.text("git")?) {
        (Some(path), ..) => format!("path:{path}"),
        (_, Some(range), _) => range.to_owned(),
        (.., Some(url)) => format!("git+{url}"),
        _ => String::new(),
    };
    Ok((name, range, is_optional))
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
                add(&mut dependencies, name.clone(), scope, range.as_text().within(|| name)?.to_owned());
            }
        }
    }
    Ok(dependencies)
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
            add(&mut found, super::purl::pypi_name(&requirement.name), scope, range);
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
    let tool = node.get("tool")?.map(|tool| tool.get("poetry")).transpose()?.flatten();
    if let Some(poetry) = tool {
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
            let (range, is_optional) = match value {
                Node::Map(_) => (poetry_range(value)?, value.flag("optional")?),
                Node::Text(range) => (range.clone(), false),
                _ => (String::new(), false),
            };
            let scope = if is_optional { scope.max(Scope::Optional) } else { scope };
            add(found, super::purl::pypi_name(name), scope, range);
        }
    }
    Ok(())
}

fn poetry_range(value: &Node) -> Result<String, Fault> {
    let path = value.text("path")?.map(|path| format!("path:{path}"));
    let git = value.text("git")?.map(|url| format!("git+{url}"));
    Ok(path.or(git).or(value.text("version")?.map(str::to_owned)).unwrap_or_default())
}

fn add(dependencies: &mut Dependencies, name: String, scope: Scope, range: String) {
    let entry = dependencies.entry(name).or_insert_with(|| (scope, range));
    entry.0 = entry.0.min(scope);
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
/// files do not count: they need not list what the manifest asks for.
pub fn lockfiles_of<'a>(manifest: &str, files: &'a BTreeMap<String, Vec<u8>>) -> Vec<&'a str> {
    let is_lockfile = |path: &str| {
        format_of(path).is_some_and(|format| {
            format.ecosystem == ecosystem(manifest) && format.kind != FileKind::PipRequirements
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
