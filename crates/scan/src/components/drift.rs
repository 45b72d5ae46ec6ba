//! Drift: what a manifest asks for, and the lockfile beside it or above does not have as asked. A package manager told to
//! keep to its lockfile refuses such a pair; another one changes the lockfile, and installs what nobody has reviewed.
//!
//! Ranges are compared as the lockfile keeps them (npm, pnpm, yarn), or by the packages that it fixes (Cargo, uv and
//! Poetry). A range that cannot be compared is a difference, except Poetry's own forms of ranges. Requirements files of pip keep
//! no manifest's ranges and may be for one system alone, so they are not compared; nor are lockfiles of Go and Maven,
//! which are the manifest itself.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Digest;
use evidence::document::components::Scope;
use evidence::document::text as shortened;

use super::drift_fixed::{Fixed, Source, Style, unmet};
use super::fault::{Fault, Within};
use super::file_kind::{FileKind, format_of};
use super::input::{Input, Own, directory, within_directory};
use super::manifests::{self, Asked, Dependencies, SharedCargo, is_local};
use super::node::Node;
use super::purl::pypi_name;
use super::{LOCKFILE_BYTES_MAX, installed, node, pip, yarn};

/// Sentences about differences, by the manifest's path.
pub type Drift = BTreeMap<String, BTreeSet<String>>;

/// The part of a lockfile that is about one manifest.
enum Locked {
    /// Ranges, as the manifest had them when the lockfile was written, by package. `true`: these are all.
    Ranges(BTreeMap<String, Vec<String>>, bool),
    /// Fixed packages by name, and the names that the project replaces.
    Fixed(BTreeMap<String, Vec<Fixed>>, BTreeSet<String>),
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
    for (path, manifests) in pairs {
        let Some(kind) = format_of(path).map(|format| format.kind) else { continue };
        let Some(text) = text_of(path, files) else { continue };
        let lockfile = Input { path, text, files, own: &own };
        let Some(lock) = Lock::read(&lockfile, kind).within(|| path)? else { continue };
        for manifest in manifests {
            let found = match lock.compare(manifest) {
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

/// A lockfile that was read, and what it needs to be compared.
struct Lock<'a> {
    input: &'a Input<'a>,
    kind: FileKind,
    node: Node,
    patterns: BTreeMap<String, String>,
    /// Names of the members of yarn's workspace.
    members: BTreeSet<String>,
}

impl<'a> Lock<'a> {
    /// `None` for a kind that is not compared.
    fn read(input: &'a Input<'a>, kind: FileKind) -> Result<Option<Self>, Fault> {
        let (mut patterns, mut members) = (BTreeMap::new(), BTreeSet::new());
        let node = match kind {
            FileKind::NpmLock => Node::json(input.text)?,
            FileKind::PnpmLock => Node::yaml(input.text)?,
            FileKind::CargoLock | FileKind::PdmLock | FileKind::PoetryLock | FileKind::UvLock => {
                Node::toml(input.text)?
            }
            FileKind::YarnLock => {
                patterns = yarn::patterns(input.text)?;
                members = yarn::members(input)?;
                Node::Null
            }
            FileKind::GoMod
            | FileKind::Pom
            | FileKind::MavenTree
            | FileKind::PipRequirements
            | FileKind::ComposerLock
            | FileKind::GemLock
            | FileKind::GradleLock
            | FileKind::NugetLock
            | FileKind::PipfileLock
            | FileKind::Manifest => return Ok(None),
        };
        Ok(Some(Self { input, kind, node, patterns, members }))
    }

    /// The differences of one manifest.
    fn compare(&self, manifest: &str) -> Result<BTreeSet<String>, Fault> {
        let text = self.input.other(manifest)?.unwrap_or_default();
        let mut found = BTreeSet::new();
        let (asked, locked) = match self.kind {
            FileKind::CargoLock => self.cargo(manifest, text, &mut found)?,
            FileKind::NpmLock | FileKind::PnpmLock | FileKind::YarnLock => self.node(manifest, text)?,
            _ => self.python(manifest, text, &mut found)?,
        };
        let Some(locked) = locked else {
            if asked.values().any(|asked| !asked.is_local()) {
                let path = shortened(self.input.path, 200);
                found.insert(format!(
                    "`{path}` does not have this project, so nothing fixes what it asks for"
                ));
            }
            return Ok(found);
        };
        for (name, asked) in &asked {
            found.extend(match &locked {
                Locked::Ranges(kept, _) => self.other_ranges(name, asked, kept.get(name)),
                Locked::Fixed(fixed, replaced) => {
                    self.other_packages(name, asked, fixed.get(name), replaced.contains(name))
                }
            });
        }
        if let Locked::Ranges(ranges, true) = &locked {
            let left = ranges.iter().filter(|(name, _)| !asked.contains_key(*name));
            found.extend(left.map(|(name, ranges)| {
                self.sentence(name, &format!("has {}, and the manifest asks for none", all_shown(ranges)))
            }));
        }
        Ok(found)
    }

    fn other_ranges(&self, name: &str, asked: &Asked, kept: Option<&Vec<String>>) -> Vec<String> {
        let Some(kept) = kept else {
            let asked = asked.ranges.iter().filter(|range| !is_local(range));
            return asked.map(|range| self.missing(name, range)).collect();
        };
        let sentence = |kept: &str, asked: &str| {
            self.sentence(name, &format!("has {kept}, and the manifest asks for {asked}"))
        };
        let other = asked.ranges.iter().filter(|range| !kept.contains(range));
        let mut found: Vec<String> = other.map(|range| sentence(&all_shown(kept), &shown(range))).collect();
        if found.is_empty() && kept.iter().any(|range| !asked.ranges.contains(range)) {
            found.push(sentence(&all_shown(kept), &all_shown(&asked.ranges)));
        }
        found
    }

    fn other_packages(
        &self,
        name: &str,
        asked: &Asked,
        fixed: Option<&Vec<Fixed>>,
        is_replaced: bool,
    ) -> Vec<String> {
        let style = match self.kind {
            FileKind::CargoLock => Style::Cargo,
            FileKind::PoetryLock => Style::Poetry,
            _ => Style::Uv,
        };
        let unmet = unmet(asked, fixed.map(Vec::as_slice).unwrap_or_default(), style, is_replaced);
        let Some(fixed) = fixed.filter(|fixed| !fixed.is_empty()) else {
            return unmet.into_iter().map(|range| self.missing(name, range)).collect();
        };
        let fixed: Vec<String> = fixed.iter().map(ToString::to_string).collect();
        let sentence = |range: &str| {
            let (fixed, asked) = (shown(&fixed.join(", ")), shown(range));
            self.sentence(name, &format!("has {fixed}, and the manifest asks for {asked}"))
        };
        unmet.into_iter().map(sentence).collect()
    }

    fn missing(&self, name: &str, range: &str) -> String {
        self.sentence(name, &format!("has none, and the manifest asks for {}", shown(range)))
    }

    fn sentence(&self, name: &str, what: &str) -> String {
        format!("{}: `{}` {what}", shown(name), shortened(self.input.path, 200))
    }

    /// Path of the manifest's directory below that of the lockfile.
    fn below<'m>(&self, manifest: &'m str) -> &'m str {
        let below = directory(manifest).strip_prefix(self.input.directory()).unwrap_or_default();
        below.trim_start_matches('/')
    }

    fn node(&self, manifest: &str, text: &str) -> Result<(Dependencies, Option<Locked>), Fault> {
        let below = self.below(manifest);
        let mut asked = manifests::package_json(text)?.dependencies;
        let locked = match self.kind {
            FileKind::NpmLock if self.node.get("packages")?.is_some() => {
                asked = manifests::npm_with_peers(&Node::json(text)?)?;
                let packages = self.node.get("packages")?.map(Node::as_map).transpose()?;
                let Some(entry) = packages.and_then(|packages| packages.get(below)) else {
                    return Ok((asked, None));
                };
                let kept = manifests::npm_with_peers(entry)?.into_iter();
                Locked::Ranges(kept.map(|(name, asked)| (name, asked.ranges)).collect(), true)
            }
            FileKind::NpmLock if !below.is_empty() => return Ok((asked, None)),
            FileKind::NpmLock => {
                let names = self.node.entries("dependencies")?.map(|(name, _)| name);
                // Version 1 keeps no ranges; those asked for stand for themselves.
                let kept = names.filter_map(|name| Some((name.clone(), asked.get(name)?.ranges.clone())));
                Locked::Ranges(kept.collect(), false)
            }
            FileKind::PnpmLock => {
                // pnpm keeps one range of a name.
                asked.values_mut().for_each(|asked| asked.ranges.truncate(1));
                let Some(locked) = self.pnpm(below, &asked)? else { return Ok((asked, None)) };
                locked
            }
            _ => self.yarn(manifest, text, &asked)?,
        };
        Ok((asked, Some(locked)))
    }

    fn yarn(&self, manifest: &str, text: &str, asked: &Dependencies) -> Result<Locked, Fault> {
        let root = within_directory(self.input.directory(), "package.json");
        let root = if root == manifest { Some(text) } else { self.input.other(&root)? };
        let root = root.and_then(|text| Node::json(text).ok());
        let replaced = root.as_ref().and_then(|node| node.get("resolutions").ok()?);
        let replaced = replaced.and_then(|node| node.as_map().ok());
        // A key such as `a/b` replaces only what `a` needs.
        let is_replaced = |name: &str| {
            replaced.is_some_and(|map| map.keys().any(|key| key.strip_prefix("**/").unwrap_or(key) == name))
        };
        let mut kept = BTreeMap::new();
        for (name, asked) in asked {
            if is_replaced(name) || self.members.contains(name) {
                kept.insert(name.clone(), asked.ranges.clone());
                continue;
            }
            let of_name = self.patterns.iter().filter(|(_, found)| *found == name);
            let of_name = of_name.filter_map(|(pattern, _)| pattern.get(name.len() + 1..)).map(str::to_owned);
            let of_name: Vec<String> = of_name.collect();
            let same: Vec<String> =
                asked.ranges.iter().filter(|range| of_name.contains(range)).cloned().collect();
            // Others of the name may be those of other packages, but one is shown if none is the same.
            let found = if same.is_empty() { of_name.into_iter().take(1).collect() } else { same };
            if !found.is_empty() {
                kept.insert(name.clone(), found);
            }
        }
        Ok(Locked::Ranges(kept, false))
    }

    fn pnpm(&self, below: &str, asked: &Dependencies) -> Result<Option<Locked>, Fault> {
        let importer = match self.node.get("importers")? {
            Some(importers) => importers.get(if below.is_empty() { "." } else { below })?,
            None => below.is_empty().then_some(&self.node),
        };
        let Some(importer) = importer else { return Ok(None) };
        let mut ranges = BTreeMap::new();
        for (name, range) in importer.entries("specifiers")? {
            ranges.insert(name.clone(), vec![range.as_text().within(|| name)?.to_owned()]);
        }
        for sort in ["dependencies", "optionalDependencies", "devDependencies"] {
            for (name, value) in importer.entries(sort)? {
                if let Node::Map(_) = value
                    && let Some(range) = value.text("specifier")?
                {
                    ranges.insert(name.clone(), vec![range.to_owned()]);
                }
            }
        }
        // An override replaces what the manifest asks for.
        let overrides: Vec<&String> = self.node.entries("overrides")?.map(|(key, _)| key).collect();
        for (name, asked) in asked {
            // A key such as `a>b` replaces only what `a` needs.
            let is_overridden = |key: &&String| {
                *key == name
                    || key
                        .strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.starts_with('@') && !rest.contains('>'))
            };
            if ranges.contains_key(name) && overrides.iter().any(is_overridden) {
                ranges.insert(name.clone(), asked.ranges.clone());
            }
        }
        Ok(Some(Locked::Ranges(ranges, false)))
    }

    fn cargo(
        &self,
        manifest: &str,
        text: &str,
        found: &mut BTreeSet<String>,
    ) -> Result<(Dependencies, Option<Locked>), Fault> {
        let root = within_directory(self.input.directory(), "Cargo.toml");
        let root = self.input.other(&root)?.map(Node::toml).transpose()?;
        let shared = root.as_ref().map(manifests::shared_cargo).transpose()?.unwrap_or_default();
        if self.below(manifest).is_empty() {
            found.extend(self.unpatched(&shared)?);
        }
        let Some(package) = manifests::cargo(&Node::toml(text)?, &shared)? else {
            return Ok((Dependencies::new(), Some(Locked::Fixed(BTreeMap::new(), BTreeSet::new()))));
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
            asked.retain(|_, asked| asked.scope != Scope::Development);
        }
        let mut entries: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for entry in self.node.items("package")?.iter().chain(self.node.get("root")?) {
            entries.entry(entry.need("name")?).or_default().push(entry);
        }
        let own = entries.get(package.name.as_str()).into_iter().flatten();
        let own = own.copied().find(|entry| matches!(entry.text("source"), Ok(None)));
        let Some(own) = own else { return Ok((asked, None)) };
        let mut fixed: BTreeMap<String, Vec<Fixed>> = BTreeMap::new();
        for item in own.items("dependencies")? {
            let mut words = item.as_text()?.splitn(3, ' ');
            let (name, version, source) = (words.next().unwrap_or_default(), words.next(), words.next());
            let source = source.map(|source| source.trim_matches(['(', ')']));
            for entry in entries.get(name).into_iter().flatten() {
                let from = entry.text("source")?.map(|from| from.split('#').next().unwrap_or_default());
                let is_meant = version.is_none_or(|version| entry.text("version") == Ok(Some(version)))
                    && source.is_none_or(|source| from == source.split('#').next());
                if is_meant {
                    fixed.entry(name.to_owned()).or_default().push(Fixed::cargo(entry)?);
                }
            }
        }
        Ok((asked, Some(Locked::Fixed(fixed, shared.patched))))
    }

    /// Packages that the root manifest takes from elsewhere, and the lockfile from a registry.
    fn unpatched(&self, shared: &SharedCargo) -> Result<Vec<String>, Fault> {
        let unused =
            self.node.get("patch")?.map(|patch| patch.items("unused")).transpose()?.unwrap_or_default();
        let mut found = Vec::new();
        for (name, place) in &shared.moved {
            let is_named = |node: &&Node| node.text("name").is_ok_and(|found| found == Some(name.as_str()));
            let entries = self.node.items("package")?.iter().filter(is_named);
            let entries = entries.map(Fixed::cargo).collect::<Result<Vec<_>, _>>()?;
            let is_left = entries.iter().all(|entry| entry.source == Source::Registry);
            if is_left && !entries.is_empty() && !unused.iter().any(|node| is_named(&node)) {
                let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
                let (entries, place) = (shown(&entries.join(", ")), shown(place));
                found.push(self.sentence(name, &format!("has {entries}, and `[patch]` asks for {place}")));
            }
        }
        Ok(found)
    }

    fn python(
        &self,
        manifest: &str,
        text: &str,
        found: &mut BTreeSet<String>,
    ) -> Result<(Dependencies, Option<Locked>), Fault> {
        let node = Node::toml(text)?;
        if is_computed(&node, self.kind)? {
            found.insert(
                "it computes what it asks for (`dynamic`), so nothing is compared with the lockfile"
                    .to_owned(),
            );
        }
        let (name, mut asked) = manifests::pyproject(&node)?;
        let name = pypi_name(&name);
        let mut fixed: BTreeMap<String, Vec<Fixed>> = BTreeMap::new();
        let is_beside = self.below(manifest).is_empty();
        let mut is_known = matches!(self.kind, FileKind::PoetryLock | FileKind::PdmLock) && is_beside;
        for package in self.node.items("package")? {
            let found = pypi_name(package.need("name")?);
            is_known |= self.kind == FileKind::UvLock && found == name;
            fixed.entry(found).or_default().push(Fixed::python(package)?);
        }
        if self.kind == FileKind::PdmLock {
            // Extras are in the file only if somebody asked for them.
            asked.retain(|name, asked| asked.scope != Scope::Optional || fixed.contains_key(name));
            asked.remove(&name);
        }
        if self.kind == FileKind::UvLock {
            // A project may ask for its own extras.
            let is_own = |entry: &Fixed| entry.source == Source::Local;
            if fixed.get(&name).is_some_and(|entries| entries.iter().all(is_own)) {
                asked.remove(&name);
            }
            let root = within_directory(self.input.directory(), "pyproject.toml");
            let root = self.input.other(&root)?.map(Node::toml).transpose().within(|| root)?;
            uv(root.as_ref().unwrap_or(&node), &node, &mut asked).within(|| "tool.uv")?;
        }
        Ok((asked, is_known.then_some(Locked::Fixed(fixed, BTreeSet::new()))))
    }
}

/// Whether a backend computes the dependencies. Those of Poetry may stand in its own table.
fn is_computed(node: &Node, kind: FileKind) -> Result<bool, Fault> {
    let project = node.get("project")?;
    let dynamic = project.map(|project| project.items("dynamic")).transpose()?.unwrap_or_default();
    let is_list = |item: &Node| matches!(item, Node::Text(name) if name.ends_with("dependencies"));
    let poetry = node.get("tool")?.map(|tool| tool.get("poetry")).transpose()?.flatten();
    let is_table = poetry.map(|poetry| poetry.get("dependencies")).transpose()?.flatten().is_some();
    Ok(dynamic.iter().any(is_list) && !(kind == FileKind::PoetryLock && is_table))
}

/// Adds the sources that uv takes packages from, and replaces ranges by those of the root's overrides.
fn uv(root: &Node, node: &Node, asked: &mut Dependencies) -> Result<(), Fault> {
    let table =
        |node: &Node| node.get("tool")?.map(|tool| tool.get("uv").map(Option::<&Node>::cloned)).transpose();
    let (above, own) = (table(root)?.flatten(), table(node)?.flatten());
    let mut overrides: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for item in above.as_ref().map(|uv| uv.items("override-dependencies")).transpose()?.unwrap_or_default() {
        // An item that is a map changes the metadata of another package.
        if let Node::Text(text) = item {
            let requirement = pip::requirement(text)?;
            let range = requirement.url.unwrap_or(requirement.range);
            overrides.entry(pypi_name(&requirement.name)).or_default().push(range);
        }
    }
    let mut sources = BTreeMap::new();
    for uv in [&above, &own].into_iter().flatten() {
        sources.extend(manifests::uv_sources(uv).within(|| "sources")?);
    }
    for (name, asked) in asked {
        if let Some(ranges) = overrides.remove(name) {
            asked.ranges = ranges;
        }
        sources.remove(name).unwrap_or_default().into_iter().for_each(|source| asked.add(source));
    }
    Ok(())
}

/// A text as people read it. One that is not shown whole has the beginning of its digest, because the sentence is the
/// identity of the difference: a waiver is for what somebody saw, and for no other.
fn shown(raw: &str) -> String {
    let text = shortened(&super::urls::public(raw.trim()), SHOWN_BYTES_MAX);
    if raw.trim().is_empty() {
        return "any version".to_owned();
    }
    if text == raw.trim() {
        return format!("`{text}`");
    }
    let digest = Digest::of(raw.as_bytes()).hex();
    format!("`{text}` (SHA-256 `{}`)", digest.get(..16).unwrap_or_default())
}

fn all_shown(ranges: &[String]) -> String {
    ranges.iter().map(|range| shown(range)).collect::<Vec<_>>().join(" and ")
}

const SHOWN_BYTES_MAX: usize = 120;
