//! `yarn.lock` of yarn 1 (<https://classic.yarnpkg.com/lang/en/docs/yarn-lock/>), with the `package.json` files of the
//! tree, because the lockfile does not say what the project itself needs.
//!
//! An entry lists patterns such as `a@^1.0.0` that it satisfies. The format of later yarns is read by `yarn_berry`.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::address;
use super::fault::{Fault, Within};
use super::graph::{Graph, Names, Package};
use super::input::{Input, base, directory, within_directory};
use super::manifests::package_json;
use super::node::Node;
use super::npm_entry::{integrity, is_git};
use super::purl::Purl;
use super::yarn_pattern::split;
use super::{urls, yarn_berry};

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    if yarn_berry::is_berry(input.text) {
        return read_berry(input, document);
    }
    let entries = entries(input.text)?;
    let mut graph = Graph::default();
    let mut found = Patterns::default();
    for entry in &entries {
        let number = graph.add(entry.package().within(|| entry.place())?);
        for pattern in &entry.patterns {
            found.exact.insert(pattern, number);
            let name = split(pattern).0;
            if found.named.of(name).last() != Some(&number) {
                found.named.add(name, number)?;
            }
        }
    }
    for (from, entry) in entries.iter().enumerate() {
        for (name, range, scope) in &entry.needs {
            let to = found.of(name, range);
            if to.is_empty() {
                return Err(
                    Fault::new(format!("`{name}@{range}` is no package of the file")).within(entry.place())
                );
            }
            to.iter().for_each(|to| graph.edge(from, *to, *scope));
        }
    }
    projects(input, &mut graph, &found)?;
    graph.finish(document, input.path);
    Ok(())
}

/// Reads a lockfile of yarn 2 or later.
fn read_berry(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = yarn_berry::parse(input.text)?;
    let entries = yarn_berry::entries(&lock)?;
    let mut graph = Graph::default();
    let mut found = Patterns::default();
    let mut numbers = Vec::new();
    for entry in &entries {
        // The manifest of a project, too, says what it needs, and for what.
        if entry.is_own().within(|| entry.key)? {
            let bare = |pattern: &String| pattern.split("::").next().unwrap_or_default().to_owned();
            found.own.extend(entry.patterns.iter().map(bare));
            continue;
        }
        let number = graph.add(entry.package().within(|| entry.key)?);
        for pattern in &entry.patterns {
            found.exact.insert(pattern, number);
            if let Some(patched) = yarn_berry::patched(pattern) {
                found.patched.entry(patched).or_default().push(number);
            }
            let name = split(pattern).0;
            if found.named.of(name).last() != Some(&number) {
                found.named.add(name, number)?;
            }
        }
        numbers.push((number, entry));
    }
    for (from, entry) in numbers {
        for (name, range, is_optional) in &entry.needs {
            let scope = if *is_optional { Scope::Optional } else { Scope::Runtime };
            let to = found.of(name, range);
            if to.is_empty() && !found.is_own(name, range) {
                let fault = Fault::new(format!("`{name}@{range}` is no package of the file"));
                return Err(fault.within(entry.key));
            }
            to.iter().for_each(|to| graph.edge(from, *to, scope));
        }
    }
    projects(input, &mut graph, &found)?;
    graph.finish(document, input.path);
    Ok(())
}

/// Adds the projects of the tree and what they need.
fn projects(input: &Input<'_>, graph: &mut Graph, found: &Patterns<'_>) -> Result<(), Fault> {
    let below = if input.directory().is_empty() { String::new() } else { format!("{}/", input.directory()) };
    let mut manifests = Vec::new();
    for (path, _) in input.files.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
        if base(path) == "package.json" && !path.contains("node_modules/") {
            let text = input.other(path)?.unwrap_or_default();
            manifests.push(package_json(text).within(|| path)?);
        }
    }
    let members = members(input)?;
    for manifest in &manifests {
        let from = graph.add(Package::own(&manifest.name));
        for (name, asked) in &manifest.dependencies {
            for range in &asked.ranges {
                let to = found.of(name, range);
                if to.is_empty() && !members.contains(name) && !found.is_own(name, range) {
                    let open = graph.add(Package::foreign(Purl::npm(name)?.open(), name, range));
                    graph.edge(from, open, asked.scope);
                }
                to.iter().for_each(|to| graph.edge(from, *to, asked.scope));
            }
        }
    }
    Ok(())
}

/// Names of the projects that the `workspaces` of the root's manifest name, which no lockfile of yarn 1 lists.
pub fn members(input: &Input<'_>) -> Result<BTreeSet<String>, Fault> {
    let root = within_directory(input.directory(), "package.json");
    let mut members = BTreeSet::new();
    let Some(root) = input.other(&root)?.and_then(|text| Node::json(text).ok()) else { return Ok(members) };
    let globs = match root.get("workspaces")? {
        Some(Node::Map(_)) => root.get("workspaces")?.map(|map| map.items("packages")).transpose()?,
        _ => Some(root.items("workspaces")?),
    };
    let globs: Vec<Vec<&str>> =
        globs.into_iter().flatten().map(|glob| Ok(parts(glob.as_text()?))).collect::<Result<_, Fault>>()?;
    let below = if input.directory().is_empty() { String::new() } else { format!("{}/", input.directory()) };
    for (path, _) in input.files.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
        if base(path) != "package.json" || path.contains("node_modules/") {
            continue;
        }
        let place = parts(directory(path.get(below.len()..).unwrap_or_default()));
        let is_member = globs.iter().any(|glob| {
            is_like(
                glob,
                &place,
                |part| *part == "**",
                |part, name| {
                    let (part, name): (Vec<char>, Vec<char>) =
                        (part.chars().collect(), name.chars().collect());
                    is_like(&part, &name, |c| *c == '*', |c, other| c == other)
                },
            )
        });
        if is_member && let Some(text) = input.other(path)? {
            members.extend(
                package_json(text).ok().map(|manifest| manifest.name).filter(|name| !name.is_empty()),
            );
        }
    }
    Ok(members)
}

/// The parts of a path.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}

/// Whether the items fit a pattern, where a star stands for any number of items.
fn is_like<P, T>(
    pattern: &[P],
    items: &[T],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    // The places in the pattern up to which the items so far may fit.
    let mut places = BTreeSet::from([0]);
    let behind_stars = |places: &mut BTreeSet<usize>| {
        for (at, part) in pattern.iter().enumerate() {
            if places.contains(&at) && is_star(part) {
                places.insert(at + 1);
            }
        }
    };
    behind_stars(&mut places);
    for item in items {
        let mut next = BTreeSet::new();
        for at in places {
            match pattern.get(at) {
                Some(part) if is_star(part) => drop(next.insert(at)),
                Some(part) if fits(part, item) => drop(next.insert(at + 1)),
                _ => {}
            }
        }
        behind_stars(&mut next);
        places = next;
    }
    places.contains(&pattern.len())
}

/// Numbers of entries by pattern and by name.
#[derive(Default)]
struct Patterns<'a> {
    exact: BTreeMap<&'a str, usize>,
    named: Names<usize>,
    /// Entries that yarn 2 and later put in the place of others, by the pattern of the other one.
    patched: BTreeMap<String, Vec<usize>>,
    /// Patterns that lead to projects, which only yarn 2 and later list.
    own: BTreeSet<String>,
}

impl Patterns<'_> {
    /// Whether a need is one for a project of the repository.
    fn is_own(&self, name: &str, range: &str) -> bool {
        let has = |pattern: String| self.own.contains(&pattern);
        has(format!("{name}@{range}")) || has(format!("{name}@npm:{range}"))
    }

    /// The entries that a need means. A `resolutions` field of the project replaces ranges, so that the pattern may be
    /// missing; then each entry of the name may be meant.
    fn of(&self, name: &str, range: &str) -> Vec<usize> {
        // Yarn 2 and later write the protocol before a range.
        let exact = [format!("{name}@{range}"), format!("{name}@npm:{range}")];
        match exact.iter().find_map(|pattern| Some((pattern, self.exact.get(pattern.as_str())?))) {
            Some((pattern, number)) => {
                let patched = self.patched.get(pattern).into_iter().flatten();
                std::iter::once(number).chain(patched).copied().collect()
            }
            None => self.named.of(name).to_vec(),
        }
    }
}

/// An entry.
#[derive(Debug, Default)]
struct Entry {
    line: usize,
    patterns: Vec<String>,
    version: String,
    resolved: Option<String>,
    integrity: Option<String>,
    needs: Vec<(String, String, Scope)>,
}

impl Entry {
    fn place(&self) -> String {
        format!("line {}", self.line)
    }

    fn package(&self) -> Result<Package, Fault> {
        let pattern = self.patterns.first().map(String::as_str).unwrap_or_default();
        let (name, range) = split(pattern);
        let name = range.strip_prefix("npm:").map_or(name, |alias| split(alias).0);
        if self.version.is_empty() {
            return Err(Fault::new("the entry has no `version`"));
        }
        let downloaded = address::npm(name, &self.version, self.resolved.as_deref());
        let (name, version) = (downloaded.name.as_str(), downloaded.version.as_str());
        let mut purl = Purl::npm(name)?;
        let mut sums = self.integrity.as_deref().map(integrity).transpose()?.unwrap_or_default();
        let mut pinned = false;
        if let Some(url) = self.resolved.as_deref() {
            let fragment = url.rsplit_once('#').map(|(_, fragment)| fragment);
            if is_git(url) || url.split('#').next().is_some_and(|url| url.ends_with(".git")) {
                pinned = urls::commit(url).is_some();
                purl = purl.with("vcs_url", &urls::git(url, urls::commit(url)))?;
            } else if let Some(sum) = fragment.filter(|sum| sum.len() == 40 && urls::is_commit(sum)) {
                sums.entry("sha1".to_owned()).or_insert_with(|| sum.to_owned());
            }
            if url.starts_with("http") && !url.contains("/-/") && !pinned {
                purl = purl.with("download_url", &urls::public(url))?;
            }
        }
        let mut package = Package::foreign(purl.at(version)?, name, version).pinned_by(sums);
        package.pinned |= pinned;
        package.differs = downloaded.differs;
        Ok(package)
    }
}

/// All patterns of a lockfile, with the names of their packages.
pub fn patterns(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    let named = |pattern: String| (pattern.clone(), split(&pattern).0.to_owned());
    if yarn_berry::is_berry(text) {
        let lock = yarn_berry::parse(text)?;
        let patterns = yarn_berry::entries(&lock)?.into_iter().flat_map(|entry| entry.patterns);
        // A manifest leaves the protocol out, or writes it.
        let both = |pattern: String| {
            let (name, range) = split(&pattern);
            let bare = range.strip_prefix("npm:").map(|range| format!("{name}@{range}"));
            [Some(pattern), bare].into_iter().flatten()
        };
        return Ok(patterns.flat_map(both).map(named).collect());
    }
    let patterns = entries(text)?.into_iter().flat_map(|entry| entry.patterns);
    Ok(patterns.map(named).collect())
}

fn entries(text: &str) -> Result<Vec<Entry>, Fault> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section: Option<Scope> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if let Some(version) = line.strip_prefix("# yarn lockfile v").filter(|version| *version != "1") {
            return Err(Fault::version(version, "1"));
        }
        if line.is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let place = || format!("line {}", number + 1);
        let words = words(line.trim_start()).within(place)?;
        match (line.len() - line.trim_start().len(), entries.last_mut()) {
            (0, _) => {
                let patterns: Vec<String> =
                    words.iter().map(|word| word.trim_end_matches([',', ':']).to_owned()).collect();
                if !line.ends_with(':') || patterns.iter().any(|pattern| split(pattern).1.is_empty()) {
                    return Err(Fault::new("a list of `NAME@RANGE` and `:` is expected").within(place()));
                }
                entries.push(Entry { line: number + 1, patterns, ..Entry::default() });
                section = None;
            }
            (2, Some(entry)) => section = entry.field(&words).within(place)?,
            (4, Some(entry)) => match (section, words.as_slice()) {
                (Some(scope), [name, range]) => entry.needs.push((name.clone(), range.clone(), scope)),
                _ => return Err(Fault::new("`NAME RANGE` of a dependency is expected").within(place())),
            },
            _ => return Err(Fault::new("the line is indented in no known way").within(place())),
        }
    }
    Ok(entries)
}

impl Entry {
    /// Reads a field, and answers the scope if it begins a list of needs.
    fn field(&mut self, words: &[String]) -> Result<Option<Scope>, Fault> {
        match words {
            [key] if key == "dependencies:" => return Ok(Some(Scope::Runtime)),
            [key] if key == "optionalDependencies:" => return Ok(Some(Scope::Optional)),
            [key, value] if key == "version" => self.version.clone_from(value),
            [key, value] if key == "resolved" => self.resolved = Some(value.clone()),
            [key, value] if key == "integrity" => self.integrity = Some(value.clone()),
            [key, ..] if matches!(key.as_str(), "uid" | "registry") => {}
            _ => return Err(Fault::new("the field is unknown")),
        }
        Ok(None)
    }
}

/// The words of a line; those in quotes are JSON texts.
fn words(line: &str) -> Result<Vec<String>, Fault> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        if rest.starts_with('"') {
            let mut reader = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let word = reader.next().and_then(Result::ok).ok_or_else(|| Fault::new("a quote has no end"))?;
            rest = rest.get(reader.byte_offset()..).unwrap_or_default();
            words.push(word);
        } else {
            let end = rest.find([' ', ',']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            words.push(word.to_owned());
            rest = after;
        }
        // A colon may follow the quotes of the last pattern, or of a key.
        rest = rest.trim_start_matches([' ', ',', ':']);
    }
    Ok(words)
}
