//! Drift: what a manifest asks for, and the lockfile beside it or above does not have as asked. A package manager told to
//! keep to its lockfile refuses such a pair; another one changes the lockfile, and installs what nobody has reviewed.
//!
//! Ranges are compared as the lockfile keeps them (npm, pnpm, yarn), or by the versions that it fixes (Cargo, uv, and what
//! Poetry has in `project`). Requirements files of pip keep no manifest's ranges and may be for one system alone, so they
//! are not compared; nor are lockfiles of Go and Maven, which are the manifest itself.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::components::Scope;
use evidence::document::text as shortened;

use super::fault::{Fault, Within};
use super::file_kind::{FileKind, format_of};
use super::input::{Input, Own, base, directory, within_directory};
use super::manifests::{self, Dependencies, is_local};
use super::node::Node;
use super::purl::pypi_name;
use super::{LOCKFILE_BYTES_MAX, installed, node, yarn};

/// Sentences about differences, by the manifest's path.
pub type Drift = BTreeMap<String, BTreeSet<String>>;

/// The part of a lockfile that is about one manifest.
enum Locked {
    /// Ranges, as the manifest had them when the lockfile was written, by package. `true`: these are all.
    Ranges(BTreeMap<String, String>, bool),
    /// Fixed versions by package.
    Versions(BTreeMap<String, Vec<String>>),
}

/// Compares each manifest with the lockfiles of its ecosystem in the nearest directory that has some.
pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Result<Drift, Fault> {
    // By lockfile, so that each is read once.
    let mut pairs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in files.keys().filter(|path| is_manifest(path, files)) {
        for lockfile in manifests::lockfiles_of(path, files) {
            pairs.entry(lockfile).or_default().push(path);
        }
    }
    let own = Own::default();
    let mut drift = Drift::new();
    let names = Names::of(files, pairs.values().flatten());
    for (path, manifests) in pairs {
        let Some(kind) = format_of(path).map(|format| format.kind) else { continue };
        let Some(text) = text_of(path, files) else { continue };
        let lockfile = Input { path, text, files, own: &own };
        let Some(lock) = Lock::read(&lockfile, kind).within(|| path)? else { continue };
        for manifest in manifests {
            let found = match lock.compare(manifest, &names) {
                Ok(found) => found,
                Err(fault) => {
                    [format!("it cannot be read, so nothing tells what it asks for: {fault}")].into()
                }
            };
            if !found.is_empty() {
                drift.entry(manifest.to_owned()).or_default().extend(found);
            }
        }
    }
    Ok(drift)
}

fn is_manifest(path: &str, files: &BTreeMap<String, Vec<u8>>) -> bool {
    let is = format_of(path).is_some_and(|format| format.kind == FileKind::Manifest);
    is && installed::directory_of(path, files).is_none()
}

/// The text of a file; `None` if a reader refuses the file anyway.
fn text_of<'a>(path: &str, files: &'a BTreeMap<String, Vec<u8>>) -> Option<&'a str> {
    let bytes = files.get(path).filter(|bytes| bytes.len() <= LOCKFILE_BYTES_MAX)?;
    node::text(bytes).ok()
}

/// Names of the tree's own packages, which no lockfile needs to fix.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn of<'a>(files: &BTreeMap<String, Vec<u8>>, manifests: impl Iterator<Item = &'a &'a str>) -> Self {
        let name = |path: &&str| {
            let text = text_of(path, files)?;
            match base(path) {
                "package.json" => Some(manifests::package_json(text).ok()?.name),
                "pyproject.toml" => Some(pypi_name(&manifests::pyproject(&Node::toml(text).ok()?).ok()?.0)),
                _ => None,
            }
        };
        Self(manifests.filter_map(name).collect())
    }
}

/// A lockfile that was read, and what it needs to be compared.
struct Lock<'a> {
    input: &'a Input<'a>,
    kind: FileKind,
    node: Node,
    patterns: BTreeMap<String, String>,
}

impl<'a> Lock<'a> {
    /// `None` for a kind that is not compared.
    fn read(input: &'a Input<'a>, kind: FileKind) -> Result<Option<Self>, Fault> {
        let mut patterns = BTreeMap::new();
        let node = match kind {
            FileKind::NpmLock => Node::json(input.text)?,
            FileKind::PnpmLock => Node::yaml(input.text)?,
            FileKind::CargoLock | FileKind::PoetryLock | FileKind::UvLock => Node::toml(input.text)?,
            FileKind::YarnLock => {
                patterns = yarn::patterns(input.text)?;
                Node::Null
            }
            FileKind::GoMod
            | FileKind::Pom
            | FileKind::MavenTree
            | FileKind::PipRequirements
            | FileKind::Manifest => return Ok(None),
        };
        Ok(Some(Self { input, kind, node, patterns }))
    }

    /// The differences of one manifest.
    fn compare(&self, manifest: &str, names: &Names) -> Result<BTreeSet<String>, Fault> {
        let text = self.input.other(manifest)?.unwrap_or_default();
        let (asked, locked) = match self.kind {
            FileKind::CargoLock => self.cargo(manifest, text)?,
            FileKind::NpmLock | FileKind::PnpmLock | FileKind::YarnLock => {
                let asked = manifests::package_json(text)?.dependencies;
                let locked = self.node(manifest, text, &asked)?;
                (asked, locked)
            }
            _ => self.python(manifest, text)?,
        };
        let Some(locked) = locked else {
            let nothing = asked.values().all(|(_, range)| is_local(range));
            let path = shortened(self.input.path, 200);
            let sentence = format!("`{path}` does not have this project, so nothing fixes what it asks for");
            return Ok(if nothing { BTreeSet::new() } else { [sentence].into() });
        };
        let mut found = BTreeSet::new();
        for (name, (_, range)) in &asked {
            if !names.0.contains(name) {
                found.extend(self.difference(name, range, &locked));
            }
        }
        if let Locked::Ranges(ranges, true) = &locked {
            let left = ranges.iter().filter(|(name, _)| !asked.contains_key(*name));
            found.extend(left.map(|(name, range)| {
                self.sentence(name, &format!("has {}, and the manifest asks for none", shown(range)))
            }));
        }
        Ok(found)
    }

    fn difference(&self, name: &str, range: &str, locked: &Locked) -> Option<String> {
        let asked = shown(range);
        match locked {
            Locked::Ranges(ranges, _) => match ranges.get(name) {
                Some(kept) if kept == range => None,
                Some(kept) => Some(
                    self.sentence(name, &format!("has {}, and the manifest asks for {asked}", shown(kept))),
                ),
                None if is_local(range) => None,
                None => Some(self.sentence(name, &format!("has none, and the manifest asks for {asked}"))),
            },
            Locked::Versions(_) if is_local(range) => None,
            Locked::Versions(versions) => match versions.get(name) {
                None => Some(self.sentence(name, &format!("has none, and the manifest asks for {asked}"))),
                Some(found) => (!self.allows(range, found)).then(|| {
                    let found = found.join(", ");
                    self.sentence(name, &format!("has {}, and the manifest asks for {asked}", shown(&found)))
                }),
            },
        }
    }

    fn sentence(&self, name: &str, what: &str) -> String {
        format!("`{}`: `{}` {what}", shortened(name, 120), shortened(self.input.path, 200))
    }

    /// Whether one of the versions is in the range. A range of another form than the ecosystem's is compared with none.
    fn allows(&self, range: &str, versions: &[String]) -> bool {
        if self.kind == FileKind::CargoLock {
            let Ok(wanted) = range.parse::<semver::VersionReq>() else { return true };
            return versions
                .iter()
                .filter_map(|version| version.parse().ok())
                .any(|version| wanted.matches(&version));
        }
        let Ok(wanted) = range.parse::<pep440_rs::VersionSpecifiers>() else { return true };
        versions.iter().filter_map(|version| version.parse().ok()).any(|version| wanted.contains(&version))
    }

    /// Path of the manifest's directory below that of the lockfile.
    fn below<'m>(&self, manifest: &'m str) -> &'m str {
        let below = directory(manifest).strip_prefix(self.input.directory()).unwrap_or_default();
        below.trim_start_matches('/')
    }

    fn node(&self, manifest: &str, text: &str, asked: &Dependencies) -> Result<Option<Locked>, Fault> {
        let below = self.below(manifest);
        match self.kind {
            FileKind::NpmLock if self.node.get("packages")?.is_some() => {
                let packages = self.node.get("packages")?.map(Node::as_map).transpose()?;
                let Some(entry) = packages.and_then(|packages| packages.get(below)) else { return Ok(None) };
                let ranges =
                    manifests::npm_dependencies(entry)?.into_iter().map(|(name, (_, range))| (name, range));
                Ok(Some(Locked::Ranges(ranges.collect(), true)))
            }
            FileKind::NpmLock if !below.is_empty() => Ok(None),
            FileKind::NpmLock => {
                let names = self.node.entries("dependencies")?.map(|(name, _)| name);
                // Version 1 keeps no ranges; those asked for stand for themselves.
                let range = |name: &String| asked.get(name).map(|(_, range)| (name.clone(), range.clone()));
                Ok(Some(Locked::Ranges(names.filter_map(range).collect(), false)))
            }
            FileKind::PnpmLock => self.pnpm(below, asked),
            _ => {
                let root = within_directory(self.input.directory(), "package.json");
                let root = if root == manifest { Some(text) } else { self.input.other(&root)? };
                let replaced = root.map(Node::json).transpose().ok().flatten();
                let replaced = replaced.as_ref().and_then(|node| node.get("resolutions").ok()?);
                let is_replaced = |name: &str| {
                    let Some(Node::Map(map)) = replaced else { return false };
                    map.keys().any(|key| key == name || key.ends_with(&format!("/{name}")))
                };
                let kept = asked.iter().filter_map(|(name, (_, range))| {
                    let same = self.patterns.contains_key(&format!("{name}@{range}"));
                    let other = self.patterns.iter().find(|(_, found)| *found == name);
                    let other = other.map(|(pattern, _)| pattern.get(name.len() + 1..).unwrap_or_default());
                    let range = if same || is_replaced(name) { Some(range.as_str()) } else { other };
                    Some((name.clone(), range?.to_owned()))
                });
                Ok(Some(Locked::Ranges(kept.collect(), false)))
            }
        }
    }

    fn pnpm(&self, below: &str, asked: &Dependencies) -> Result<Option<Locked>, Fault> {
        let importer = match self.node.get("importers")? {
            Some(importers) => importers.get(if below.is_empty() { "." } else { below })?,
            None => below.is_empty().then_some(&self.node),
        };
        let Some(importer) = importer else { return Ok(None) };
        let mut ranges = BTreeMap::new();
        for (name, range) in importer.entries("specifiers")? {
            ranges.insert(name.clone(), range.as_text().within(|| name)?.to_owned());
        }
        for sort in ["dependencies", "optionalDependencies", "devDependencies"] {
            for (name, value) in importer.entries(sort)? {
                if let Node::Map(_) = value
                    && let Some(range) = value.text("specifier")?
                {
                    ranges.insert(name.clone(), range.to_owned());
                }
            }
        }
        // An override replaces what the manifest asks for.
        let overrides: Vec<&String> = self.node.entries("overrides")?.map(|(key, _)| key).collect();
        for (name, (_, range)) in asked {
            let is_overridden = |key: &&&String| {
                let target = key.rsplit('>').next().unwrap_or_default();
                target == name || target.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('@'))
            };
            if ranges.contains_key(name) && overrides.iter().any(|key| is_overridden(&key)) {
                ranges.insert(name.clone(), range.clone());
            }
        }
        Ok(Some(Locked::Ranges(ranges, false)))
    }

    fn cargo(&self, manifest: &str, text: &str) -> Result<(Dependencies, Option<Locked>), Fault> {
        let root = within_directory(self.input.directory(), "Cargo.toml");
        let root = self.input.other(&root)?.map(Node::toml).transpose()?;
        let shared = root.as_ref().map(manifests::shared_cargo).transpose()?.unwrap_or_default();
        let Some(package) = manifests::cargo(&Node::toml(text)?, &shared)? else {
            return Ok((Dependencies::new(), Some(Locked::Versions(BTreeMap::new()))));
        };
        let mut asked = package.dependencies;
        let workspace = root.as_ref().map(|root| root.get("workspace")).transpose()?.flatten();
        let excluded = workspace.map(|workspace| workspace.items("exclude")).transpose()?.unwrap_or_default();
        let below = self.below(manifest);
        let is_above = |path: &Node| {
            let path = path.as_text().unwrap_or_default().trim_end_matches('/');
            below == path || below.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        if excluded.iter().any(is_above) {
            // The tests of a package outside of the workspace need packages that are not resolved.
            asked.retain(|_, (scope, _)| *scope != Scope::Development);
        }
        let mut entries = self.node.items("package")?.iter().chain(self.node.get("root")?);
        let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for entry in self.node.items("package")?.iter().chain(self.node.get("root")?) {
            versions.entry(entry.need("name")?).or_default().push(entry.need("version")?.to_owned());
        }
        let is_own = |entry: &&Node| {
            entry.text("name").is_ok_and(|name| name == Some(&package.name))
                && matches!(entry.text("source"), Ok(None))
        };
        let Some(entry) = entries.find(is_own) else { return Ok((asked, None)) };
        let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for item in entry.items("dependencies")? {
            let mut words = item.as_text()?.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            let all = versions.get(name).cloned().unwrap_or_default();
            locked
                .entry(name.to_owned())
                .or_default()
                .extend(version.map_or(all, |one| vec![one.to_owned()]));
        }
        Ok((asked, Some(Locked::Versions(locked))))
    }

    fn python(&self, manifest: &str, text: &str) -> Result<(Dependencies, Option<Locked>), Fault> {
        let node = Node::toml(text)?;
        let (name, mut asked) = manifests::pyproject(&node)?;
        let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut is_known = self.kind == FileKind::PoetryLock && self.below(manifest).is_empty();
        for package in self.node.items("package")? {
            let found = pypi_name(package.need("name")?);
            is_known |= self.kind == FileKind::UvLock && found == pypi_name(&name);
            locked.entry(found).or_default().extend(package.text("version")?.map(str::to_owned));
        }
        let uv = node.get("tool")?.map(|tool| tool.get("uv")).transpose()?.flatten();
        let replaced = uv.map(|uv| uv.get("override-dependencies")).transpose()?.flatten();
        if replaced.is_some() {
            // Versions that replace those asked for need not be in their range.
            asked.values_mut().filter(|(_, range)| !is_local(range)).for_each(|(_, range)| range.clear());
        }
        Ok((asked, is_known.then_some(Locked::Versions(locked))))
    }
}

/// A range as people read it.
fn shown(range: &str) -> String {
    let range = super::urls::public(range.trim());
    if range.is_empty() { "any version".to_owned() } else { format!("`{}`", shortened(&range, 120)) }
}
