//! `Cargo.lock`, versions 1 to 4 (<https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html>), with the
//! `Cargo.toml` files of the tree for scopes and for patches.
//!
//! A package without a source is the project's if a `Cargo.toml` of the tree has its name and no `[patch]` names it. Own
//! code and not the crate `cargo-lock`, so that all lockfiles have the same limits and errors that name the place.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Names, Package};
use super::input::{Input, base};
use super::manifests::{CargoManifest, cargo as parse_manifest, is_local};
use super::node::Node;
use super::purl::Purl;
use super::urls;

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Node::toml(input.text)?;
    match lock.get("version")?.map(Node::as_version).transpose().within(|| "version")? {
        None | Some("1" | "2" | "3" | "4") => {}
        Some(other) => return Err(Fault::version(other, "1 to 4")),
    }
    let manifests = Manifests::of(input)?;
    let mut entries: Vec<&Node> = lock.items("package")?.iter().collect();
    entries.extend(lock.get("root")?);
    if entries.is_empty() {
        return Err(Fault::new("it has no `package`, not even the project's"));
    }
    let sums = checksums(&lock)?;
    let mut graph = Graph::default();
    let mut names: Names<Entry<'_>> = Names::default();
    for node in &entries {
        let name = node.need("name").within(|| "package")?;
        let entry = Entry::of(node).within(|| name)?;
        graph.add(entry.package(name, &sums, &manifests).within(|| name)?);
        names.add(name, Entry { number: graph.packages().len() - 1, ..entry })?;
    }
    for (from, node) in entries.iter().enumerate() {
        let name = node.need("name")?;
        for item in node.items("dependencies").within(|| name)? {
            let item = item.as_text().within(|| name)?;
            let to = resolve(&names, item).within(|| name)?;
            let is_own = graph.packages().get(from).is_some_and(|package| package.purl.is_none());
            let dependency = item.split(' ').next().unwrap_or_default();
            let scope = if is_own { manifests.scope(name, dependency) } else { Scope::Runtime };
            graph.edge(from, to, scope);
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// An entry of the lockfile.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    number: usize,
    version: &'a str,
    source: Option<&'a str>,
    checksum: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn of(node: &'a Node) -> Result<Self, Fault> {
        Ok(Self {
            number: 0,
            version: node.need("version")?,
            source: node.text("source")?,
            checksum: node.text("checksum")?,
        })
    }

    fn package(
        self,
        name: &str,
        sums: &BTreeMap<String, &str>,
        manifests: &Manifests,
    ) -> Result<Package, Fault> {
        let purl = Purl::cargo(name)?;
        let Some(source) = self.source else {
            if manifests.is_own(name) {
                return Ok(Package::own(name));
            }
            let mut package = Package::foreign(purl.at(self.version)?, name, self.version);
            package.pinned = manifests.members.contains_key(name);
            return Ok(package);
        };
        let old = sums.get(&format!("checksum {name} {} ({source})", self.version)).copied();
        let purl = match source.split_once('+') {
            Some(("git", url)) => purl.with("vcs_url", &urls::git(url, urls::commit(source)))?,
            Some(("registry" | "sparse", url)) if is_crates_io(url) => purl,
            Some((_, url)) => purl.with("repository_url", &urls::public(url))?,
            None => return Err(Fault::new(format!("source `{source}` is unknown"))),
        };
        let mut package = Package::foreign(purl.at(self.version)?, name, self.version);
        package.pinned = source.starts_with("git+") && urls::commit(source).is_some();
        match self.checksum.or(old) {
            None => Ok(package),
            Some(sum) if sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Ok(package.pinned_by([("sha256".to_owned(), sum.to_ascii_lowercase())].into()))
            }
            Some(sum) => Err(Fault::new(format!("checksum `{sum}` is no SHA-256"))),
        }
    }
}

/// Checksums of version 1, by `checksum NAME VERSION (SOURCE)`.
fn checksums(lock: &Node) -> Result<BTreeMap<String, &str>, Fault> {
    let mut sums = BTreeMap::new();
    if lock.get("metadata")?.is_some() {
        for (key, sum) in lock.entries("metadata")? {
            let sum = sum.as_text().within(|| key)?;
            if key.starts_with("checksum ") && sum != "<none>" {
                sums.insert(key.clone(), sum);
            }
        }
    }
    Ok(sums)
}

/// The entry that `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)` names.
fn resolve(names: &Names<Entry<'_>>, item: &str) -> Result<usize, Fault> {
    let mut parts = item.splitn(3, ' ');
    let (name, version) = (parts.next().unwrap_or_default(), parts.next());
    let source = parts.next().map(|source| source.trim_start_matches('(').trim_end_matches(')'));
    let fits = |entry: &&Entry<'_>| {
        version.is_none_or(|version| version == entry.version)
            && source.is_none_or(|source| {
                entry.source.is_some_and(|found| {
                    found == source || found.split('#').next() == source.split('#').next()
                })
            })
    };
    let mut found = names.of(name).iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry.number),
        (None, _) => Err(Fault::new(format!("dependency `{item}` is no package of the file"))),
        (Some(_), Some(_)) => Err(Fault::new(format!("dependency `{item}` fits several packages"))),
    }
}

fn is_crates_io(url: &str) -> bool {
    matches!(
        url.trim_end_matches('/'),
        "https://github.com/rust-lang/crates.io-index" | "https://index.crates.io"
    )
}

/// The manifests at and below the directory of the lockfile.
#[derive(Debug)]
struct Manifests {
    members: BTreeMap<String, CargoManifest>,
    patched: BTreeSet<String>,
}

impl Manifests {
    fn of(input: &Input<'_>) -> Result<Self, Fault> {
        let root_path = super::input::within_directory(input.directory(), "Cargo.toml");
        let root = input.other(&root_path)?.map(Node::toml).transpose().within(|| &root_path)?;
        let shared = root.as_ref().map(super::manifests::shared_cargo).transpose().within(|| &root_path)?;
        let shared = shared.unwrap_or_default();
        let mut members: BTreeMap<String, CargoManifest> = BTreeMap::new();
        let below =
            if input.directory().is_empty() { String::new() } else { format!("{}/", input.directory()) };
        for (path, _) in input.files.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
            if base(path) != "Cargo.toml" {
                continue;
            }
            // A manifest that cannot be read makes its package no member; the package then stays a component.
            let parsed = input.other(path).ok().flatten().and_then(|text| Node::toml(text).ok());
            let manifest = parsed.and_then(|node| parse_manifest(&node, &shared).ok().flatten());
            if let Some(manifest) = manifest {
                members.entry(manifest.name.clone()).or_default().join(manifest);
            }
        }
        Ok(Self { members, patched: shared.patched })
    }

    /// Whether a package without a source is the project's. Without any manifest nothing else can be told. One that is
    /// asked for from a registry, and nowhere by a path, is not: the manifest with its name is another package.
    fn is_own(&self, name: &str) -> bool {
        let asked = || self.members.values().filter_map(|member| member.dependencies.get(name));
        let is_asked = |is: fn(&String) -> bool| asked().any(|asked| asked.ranges.iter().any(is));
        let is_foreign =
            || is_asked(|range| !range.is_empty() && !is_local(range)) && !is_asked(|range| is_local(range));
        !self.patched.contains(name)
            && (self.members.is_empty() || self.members.contains_key(name) && !is_foreign())
    }

    fn scope(&self, name: &str, dependency: &str) -> Scope {
        let scopes = self.members.get(name).map(|manifest| &manifest.dependencies);
        scopes.and_then(|scopes| scopes.get(dependency)).map(|asked| asked.scope).unwrap_or_default()
    }
}
