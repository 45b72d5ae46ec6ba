//! `pnpm-lock.yaml`, versions 5, 6 and 9 (<https://github.com/pnpm/spec/tree/master/lockfile>).
//!
//! Packages have keys such as `/a/1.0.0`, `/a@1.0.0` or `a@1.0.0`, with the peers that they were resolved against behind.
//! Projects of the workspace are `importers`, and are no components.

use std::collections::BTreeMap;

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::address;
use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, joined};
use super::node::Node;
use super::npm_entry::integrity;
use super::purl::Purl;
use super::urls;

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::yaml(input.text)?;
    let version = lock.get("lockfileVersion")?.ok_or_else(|| Fault::new("`lockfileVersion` is missing"))?;
    let version = version.as_version().within(|| "lockfileVersion")?;
    match version.split('.').next() {
        Some("5" | "6" | "9") => {}
        _ => return Err(Fault::version(version, "5, 6 and 9")),
    }
    let is_5 = version.starts_with('5');
    let mut reader = Reader { input, is_5, graph: Graph::default(), numbers: BTreeMap::new() };
    for (key, node) in lock.entries("packages")? {
        let package = reader.package(key, node).within(|| format!("packages.`{key}`"))?;
        let number = reader.graph.add(package);
        reader.numbers.insert(key.clone(), number);
    }
    for (key, _) in lock.entries("snapshots")? {
        let bare = key.split('(').next().unwrap_or_default();
        let number = reader.numbers.get(bare).copied();
        let number =
            number.ok_or_else(|| Fault::new(format!("`{bare}` of `snapshots` is not in `packages`")))?;
        reader.numbers.insert(key.clone(), number);
    }
    reader.edges(&lock)?;
    reader.graph.finish(document, input.path);
    Ok(())
}

struct Reader<'a> {
    input: &'a Input<'a>,
    is_5: bool,
    graph: Graph,
    numbers: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn package(&self, key: &str, node: &Node) -> Result<Package, Fault> {
        let resolution = node.get("resolution")?.ok_or_else(|| Fault::new("`resolution` is missing"))?;
        if let Some(path) = resolution.text("directory")? {
            let path = joined(self.input.directory(), path);
            if path.is_some_and(|path| self.input.has_directory(&path)) {
                return Ok(Package::own(key));
            }
        }
        let (name, version) = name_and_version(key, node, self.is_5)?;
        let address::Downloaded { name, version, differs } =
            address::npm(&name, &version, resolution.text("tarball")?);
        let mut purl = Purl::npm(&name)?;
        let sums = resolution.text("integrity")?.map(integrity).transpose()?.unwrap_or_default();
        let mut pinned = false;
        if let Some(repository) = resolution.text("repo")? {
            let commit = resolution.need("commit")?;
            pinned = urls::is_commit(commit);
            purl = purl.with("vcs_url", &urls::git(repository, Some(commit)))?;
        } else if let Some(url) = resolution.text("tarball")?.filter(|url| !url.contains("/-/")) {
            purl = purl.with("download_url", &urls::public(url))?;
        }
        let mut package = Package::foreign(purl.at(&version)?, &name, &version).pinned_by(sums);
        package.pinned |= pinned;
        package.differs = differs;
        Ok(package)
    }

    fn edges(&mut self, lock: &Node) -> Result<(), Fault> {
        let mut projects: Vec<(String, &Node)> = Vec::new();
        match lock.get("importers")? {
            Some(_) => projects.extend(lock.entries("importers")?.map(|(path, node)| (path.clone(), node))),
            None => projects.push((".".to_owned(), lock)),
        }
        let mut own = Vec::new();
        for (path, node) in projects {
            let number = self.graph.add(Package::own(&path));
            // A link to a project is a path of the tree; no key of a package looks like this.
            self.numbers.insert(format!("project:{}", joined("", &path).unwrap_or_default()), number);
            own.push((number, path, node));
        }
        for (from, path, node) in own {
            let sorts = [
                ("dependencies", Scope::Runtime),
                ("optionalDependencies", Scope::Optional),
                ("devDependencies", Scope::Development),
            ];
            self.needs(from, &path, node, &sorts).within(|| format!("importers.`{path}`"))?;
        }
        for section in ["packages", "snapshots"] {
            for (key, node) in lock.entries(section)? {
                let sorts = [("dependencies", Scope::Runtime), ("optionalDependencies", Scope::Optional)];
                let Some(from) = self.numbers.get(key).copied() else { continue };
                self.needs(from, "", node, &sorts).within(|| format!("{section}.`{key}`"))?;
            }
        }
        Ok(())
    }

    fn needs(&mut self, from: usize, at: &str, node: &Node, sorts: &[(&str, Scope)]) -> Result<(), Fault> {
        for (sort, scope) in sorts {
            for (name, value) in node.entries(sort)? {
                let target = match value {
                    Node::Map(_) => value.need("version").within(|| name)?,
                    value => value.as_text().within(|| name)?,
                };
                let to = self.resolve(at, name, target).within(|| sort)?;
                self.graph.edge(from, to, *scope);
            }
        }
        Ok(())
    }

    fn resolve(&mut self, at: &str, name: &str, target: &str) -> Result<usize, Fault> {
        if let Some(path) = target.strip_prefix("link:") {
            let inside = joined(at, path).map(|path| format!("project:{path}"));
            if let Some(number) = inside.and_then(|key| self.numbers.get(&key)) {
                return Ok(*number);
            }
            let path = joined(self.input.directory(), at).and_then(|at| joined(&at, path));
            let is_inside = path.is_some_and(|path| self.input.has_directory(&path));
            let outside = || Ok(Package::foreign(Purl::npm(name)?.open(), name, "*"));
            return Ok(self.graph.add(if is_inside { Package::own(name) } else { outside()? }));
        }
        let keys = [
            target.to_owned(),
            format!("{name}@{target}"),
            format!("/{name}@{target}"),
            format!("/{name}/{target}"),
        ];
        let found = keys.iter().find_map(|key| self.numbers.get(key));
        found.copied().ok_or_else(|| Fault::new(format!("`{name}` at `{target}` is no package of the file")))
    }
}

/// Name and version of a package: its fields if it came from no registry, else the parts of its key. A key of version 5
/// has a slash before the version, a later one `@`.
fn name_and_version(key: &str, node: &Node, is_5: bool) -> Result<(String, String), Fault> {
    if let (Some(name), Some(version)) = (node.text("name")?, node.text("version")?) {
        return Ok((name.to_owned(), version.to_owned()));
    }
    let bare = key.split('(').next().unwrap_or_default().trim_start_matches('/');
    let after_scope = if bare.starts_with('@') { bare.find('/').map_or(0, |at| at + 1) } else { 0 };
    let mark = if is_5 { '/' } else { '@' };
    let rest = bare.get(after_scope..).unwrap_or_default();
    let wrong = || Fault::new("the key names no package and version");
    let (name, version) = rest.split_once(mark).ok_or_else(wrong)?;
    let name = format!("{}{name}", bare.get(..after_scope).unwrap_or_default());
    let version = if is_5 { version.split('_').next().unwrap_or_default() } else { version };
    let version = node.text("version")?.unwrap_or(version);
    let name = node.text("name")?.map_or(name, str::to_owned);
    if name.is_empty() || version.is_empty() || (is_5 && version.contains('/')) {
        return Err(wrong());
    }
    Ok((name, version.to_owned()))
}
