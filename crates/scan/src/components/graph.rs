//! The packages of one lockfile and the edges between them, which become components.
//!
//! Invariant: the project's packages are roots and never components. A component that runtime edges reach from a root
//! is `runtime`, whatever else reaches it. If no root is known, `direct` is absent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use evidence::document::ComponentsDocument;
use evidence::document::components::{Component, Scope};

use super::fault::Fault;
use super::licence;

/// A package of a lockfile.
#[derive(Clone, Debug)]
pub struct Package {
    /// Package URL; `None` for a package of the project itself.
    pub purl: Option<String>,
    /// Name in its ecosystem.
    pub name: String,
    /// Version as the lockfile has it.
    pub version: String,
    /// Whether its bytes are fixed.
    pub pinned: bool,
    /// Checksums by algorithm.
    pub checksums: BTreeMap<String, String>,
    /// Licence as its metadata has it.
    pub licence: Option<String>,
    /// Scope that the lockfile states.
    pub scope: Option<Scope>,
    /// The difference, where the entry's address is that of another package.
    pub differs: Option<String>,
    /// Whether the lockfile says that the project names it.
    pub direct: Option<bool>,
}

impl Package {
    /// A package of the project.
    pub fn own(name: &str) -> Self {
        Self::new(None, name, "")
    }

    /// A package by others, without checksum.
    pub fn foreign(purl: String, name: &str, version: &str) -> Self {
        Self::new(Some(purl), name, version)
    }

    fn new(purl: Option<String>, name: &str, version: &str) -> Self {
        Self {
            purl,
            name: name.to_owned(),
            version: version.to_owned(),
            pinned: false,
            checksums: BTreeMap::new(),
            licence: None,
            scope: None,
            differs: None,
            direct: None,
        }
    }

    /// The same package with checksums, which pin it if there is one.
    #[must_use]
    pub fn pinned_by(mut self, checksums: BTreeMap<String, String>) -> Self {
        self.pinned |= !checksums.is_empty();
        self.checksums.extend(checksums);
        self
    }
}

/// Entries of a lockfile by the names of their packages. One name has few versions, so that a search among them is short.
#[derive(Debug)]
pub struct Names<T>(BTreeMap<String, Vec<T>>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Names<T> {
    /// Adds an entry.
    pub fn add(&mut self, name: &str, entry: T) -> Result<(), Fault> {
        let entries = self.0.entry(name.to_owned()).or_default();
        if entries.len() >= VERSIONS_MAX {
            return Err(Fault::new(format!("more than {VERSIONS_MAX} packages have the name `{name}`")));
        }
        entries.push(entry);
        Ok(())
    }

    /// The entries of a name.
    pub fn of(&self, name: &str) -> &[T] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

const VERSIONS_MAX: usize = 200;

/// Packages and edges.
#[derive(Debug, Default)]
pub struct Graph {
    packages: Vec<Package>,
    edges: BTreeSet<(usize, usize, Scope)>,
}

impl Graph {
    /// Adds a package, and answers its number.
    pub fn add(&mut self, package: Package) -> usize {
        self.packages.push(package);
        self.packages.len() - 1
    }

    /// Adds an edge: the first package needs the second.
    pub fn edge(&mut self, from: usize, to: usize, scope: Scope) {
        if from != to {
            self.edges.insert((from, to, scope));
        }
    }

    /// The packages that were added.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// Adds the components to a document, as named by this source.
    pub fn finish(self, document: &mut ComponentsDocument, source: &str) {
        document.sources.insert(source.to_owned());
        let scopes = self.scopes();
        let has_roots = self.packages.iter().any(|package| package.purl.is_none());
        let mut direct = BTreeSet::new();
        let mut needs: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (from, to, _) in &self.edges {
            let purl = self.packages.get(*to).and_then(|package| package.purl.clone());
            if self.is_own(*from) {
                direct.insert(*to);
            } else if let Some(purl) = purl {
                needs.entry(*from).or_default().insert(purl);
            }
        }
        for (number, package) in self.packages.into_iter().enumerate() {
            let Some(purl) = package.purl else { continue };
            let needs = needs.remove(&number).unwrap_or_default();
            let component = Component {
                name: package.name,
                version: package.version,
                scope: package.scope.or_else(|| scopes.get(&number).copied()).unwrap_or_default(),
                direct: package.direct.or_else(|| has_roots.then(|| direct.contains(&number))),
                pinned: package.pinned,
                checksums: package.checksums,
                licence: package.licence.as_deref().and_then(licence::expression),
                needs: needs.into_iter().filter(|need| *need != purl).collect(),
                sources: BTreeSet::from([source.to_owned()]),
                differs: package.differs,
            };
            document.add(purl, component);
        }
    }

    fn is_own(&self, number: usize) -> bool {
        self.packages.get(number).is_some_and(|package| package.purl.is_none())
    }

    /// The scope in which each package is reached from the roots: the widest of all ways, where a way is as narrow as
    /// its narrowest edge.
    fn scopes(&self) -> BTreeMap<usize, Scope> {
        let mut onward: BTreeMap<usize, Vec<(usize, Scope)>> = BTreeMap::new();
        for (from, to, scope) in &self.edges {
            onward.entry(*from).or_default().push((*to, *scope));
        }
        let mut found = BTreeMap::new();
        for widest in [Scope::Runtime, Scope::Optional, Scope::Development] {
            let mut queue: VecDeque<usize> =
                (0..self.packages.len()).filter(|number| self.is_own(*number)).collect();
            queue.extend(found.keys().copied().collect::<Vec<_>>());
            let mut visited: BTreeSet<usize> = queue.iter().copied().collect();
            while let Some(from) = queue.pop_front() {
                for (to, scope) in onward.get(&from).into_iter().flatten() {
                    if *scope <= widest && visited.insert(*to) {
                        found.entry(*to).or_insert(widest);
                        queue.push_back(*to);
                    }
                }
            }
        }
        found
    }
}
