//! `Gemfile.lock` and `gems.locked` of Bundler (<https://bundler.io/man/gemfile.5.html>).
//!
//! The file does not say which groups of the `Gemfile` need a gem, and the `Gemfile` is a program, so each component is
//! `runtime`. Only the section `CHECKSUMS`, of Bundler 2.5 and later, fixes bytes.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, joined};
use super::purl::Purl;
use super::{pip, urls};

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lock = Lock::of(input.text)?;
    let mut graph = Graph::default();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, spec) in &lock.specs {
        let package = spec.package(input, name, &lock).within(|| name.to_owned())?;
        numbers.insert(name, graph.add(package));
    }
    let root = graph.add(Package::own(input.path));
    let asked = lock.asked.iter().map(|name| (root, name));
    let specs = lock.specs.iter().filter_map(|(name, spec)| Some((*numbers.get(name.as_str())?, spec)));
    let needs = specs.flat_map(|(from, spec)| spec.needs.iter().map(move |name| (from, name)));
    let mut open = BTreeMap::new();
    for (from, name) in asked.chain(needs) {
        let to = match numbers.get(name.as_str()).or(open.get(name.as_str())).copied() {
            Some(to) => to,
            // Bundler itself is in no list.
            None if name == "bundler" => continue,
            None => {
                let to = graph.add(Package::foreign(Purl::gem(name)?.open(), name, "*"));
                open.insert(name.as_str(), to);
                to
            }
        };
        graph.edge(from, to, Scope::Runtime);
    }
    graph.finish(document, input.path);
    Ok(())
}

/// A lockfile.
#[derive(Default)]
struct Lock {
    specs: BTreeMap<String, Spec>,
    asked: BTreeSet<String>,
    /// Checksums by name and version with its platform.
    checksums: BTreeMap<(String, String), BTreeSet<(String, String)>>,
}

/// A gem, which may have a build for each of several platforms.
#[derive(Default)]
struct Spec {
    version: String,
    builds: BTreeSet<String>,
    source: Source,
    needs: BTreeSet<String>,
}

/// Where the gems of a section come from.
#[derive(Clone, Default, PartialEq, Eq)]
struct Source {
    kind: Kind,
    remotes: Vec<String>,
    revision: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Registry,
    Git,
    Path,
}

impl Lock {
    fn of(text: &str) -> Result<Self, Fault> {
        let mut lock = Self::default();
        let mut section = "";
        let mut source = Source::default();
        let mut last: Option<String> = None;
        let mut sections = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() {
                continue;
            }
            let place = || format!("line {}", number + 1);
            let inner = line.trim_start();
            match (line.len() - inner.len(), section) {
                (0, _) => {
                    source = Source { kind: kind(line).within(place)?, ..Source::default() };
                    (section, last) = (line, None);
                    sections.insert(line);
                }
                (2, "GIT" | "PATH" | "GEM" | "PLUGIN SOURCE") => source.field(inner),
                (4, "GIT" | "PATH" | "GEM" | "PLUGIN SOURCE") => {
                    last = Some(lock.spec(inner, &source).within(place)?);
                }
                (6, "GIT" | "PATH" | "GEM" | "PLUGIN SOURCE") => {
                    let spec = last.as_ref().and_then(|name| lock.specs.get_mut(name));
                    let spec = spec.ok_or_else(|| Fault::new("no gem needs this").within(place()))?;
                    spec.needs.insert(name_of(inner).to_owned());
                }
                (2, "DEPENDENCIES") => drop(lock.asked.insert(name_of(inner).to_owned())),
                (2, "CHECKSUMS") => lock.checksum(inner).within(place)?,
                (_, "PLATFORMS" | "RUBY VERSION" | "BUNDLED WITH") => {}
                _ => return Err(Fault::new("the line is indented in no known way").within(place())),
            }
        }
        if !sections.contains("DEPENDENCIES") {
            return Err(Fault::new("the section `DEPENDENCIES` is missing; is the file cut?"));
        }
        Ok(lock)
    }

    /// Reads `NAME (VERSION-PLATFORM)`, and answers the name.
    fn spec(&mut self, text: &str, source: &Source) -> Result<String, Fault> {
        let name = name_of(text);
        let build = parens(text).ok_or_else(|| Fault::new("`NAME (VERSION)` is expected"))?;
        let version = build.split('-').next().unwrap_or_default();
        let spec = self.specs.entry(name.to_owned()).or_default();
        if !spec.builds.is_empty() && spec.version != version {
            return Err(Fault::new(format!("`{name}` has two versions")));
        }
        if !spec.builds.is_empty() && spec.source != *source {
            return Err(Fault::new(format!(
                "`{name}` stands in two sections, and only one of them can be its source"
            )));
        }
        version.clone_into(&mut spec.version);
        spec.builds.insert(build.to_owned());
        spec.source = source.clone();
        Ok(name.to_owned())
    }

    /// Reads `NAME (VERSION-PLATFORM) sha256=HEX,sha512=HEX`. A gem without a checksum has the first part alone.
    fn checksum(&mut self, text: &str) -> Result<(), Fault> {
        let build = parens(text).ok_or_else(|| Fault::new("`NAME (VERSION)` is expected"))?;
        let sums = text.rsplit_once(") ").map(|(_, sums)| sums).unwrap_or_default();
        for sum in sums.split(',').filter(|sum| !sum.is_empty()) {
            let sum = pip::checksum(&sum.replacen('=', ":", 1))?;
            self.checksums.entry((name_of(text).to_owned(), build.to_owned())).or_default().insert(sum);
        }
        Ok(())
    }
}

impl Source {
    fn field(&mut self, text: &str) {
        match text.split_once(": ") {
            Some(("remote", remote)) => self.remotes.push(remote.to_owned()),
            Some(("revision", revision)) => self.revision = Some(revision.to_owned()),
            _ => {}
        }
    }
}

impl Spec {
    fn package(&self, input: &Input<'_>, name: &str, lock: &Lock) -> Result<Package, Fault> {
        let mut purl = Purl::gem(name)?;
        let remote = self.source.remotes.first().map(String::as_str).unwrap_or_default();
        let mut pinned = false;
        match self.source.kind {
            Kind::Path
                if joined(input.directory(), remote).is_some_and(|path| input.has_directory(&path)) =>
            {
                return Ok(Package::own(name));
            }
            Kind::Path => {}
            Kind::Git => {
                let revision = self.source.revision.as_deref();
                pinned = revision.is_some_and(urls::is_commit);
                purl = purl.with("vcs_url", &urls::git(remote, revision))?;
            }
            Kind::Registry => {
                let is_public = |url: &String| url.trim_end_matches('/') == "https://rubygems.org";
                if !self.source.remotes.iter().any(is_public) {
                    purl = purl.with("repository_url", &urls::public(remote))?;
                }
            }
        }
        let sums = |build: &String| lock.checksums.get(&(name.to_owned(), build.clone()));
        let mut package = Package::foreign(purl.at(&self.version)?, name, &self.version);
        package.pinned = pinned || self.builds.iter().all(|build| sums(build).is_some());
        // Several builds are several archives of one version, of which an installation takes one.
        if let (1, Some(found)) = (self.builds.len(), self.builds.first().and_then(sums)) {
            package.checksums.extend(found.iter().cloned());
        }
        Ok(package)
    }
}

/// The kind of source of a section. Another section is of a version that nobody here knows.
fn kind(section: &str) -> Result<Kind, Fault> {
    Ok(match section {
        "GIT" => Kind::Git,
        "PATH" => Kind::Path,
        "GEM" | "PLUGIN SOURCE" | "PLATFORMS" | "DEPENDENCIES" | "CHECKSUMS" | "RUBY VERSION"
        | "BUNDLED WITH" => Kind::Registry,
        _ => return Err(Fault::new(format!("the section `{section}` is unknown"))),
    })
}

/// The name before a range. `!` says that a gem comes from another source than the others.
fn name_of(text: &str) -> &str {
    text.split([' ', '!']).next().unwrap_or_default()
}

fn parens(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(" (")?;
    rest.split_once(')').map(|(inner, _)| inner).filter(|inner| !inner.is_empty())
}
