//! The `components` document: the packages that a source or an artifact is made of, a bill of materials.
//!
//! Invariant: a component has a package URL, and each edge of the graph leads to a component of the document. Unknown
//! facts (a licence, the graph) are absent and never guessed. Equal sources give equal bytes, so documents of several
//! runners have to be equal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::form::{Document, DocumentError, TEXT_BYTES_MAX, Tool, check_tools, is_text};
use crate::Digest;

/// Highest number of components in one document.
pub const COMPONENTS_MAX: usize = 10_000;

/// A `components` document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentsDocument {
    /// Version of this format; 1.
    pub v: u8,
    /// Tools that listed the components.
    pub tools: BTreeSet<Tool>,
    /// Files that were read. A document without components says that these files name none.
    pub sources: BTreeSet<String>,
    /// Components by package URL with version (<https://github.com/package-url/purl-spec>).
    pub components: BTreeMap<String, Component>,
    /// Directories of installed packages, whose own lockfiles and manifests were not read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, Skipped>,
    /// Differences between manifests and their lockfiles: sentences by the path of the manifest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drift: BTreeMap<String, BTreeSet<String>>,
}

/// Lockfiles and manifests below a directory that were not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// Number of files; not 0.
    pub files: u32,
    /// Digest of their paths and contents.
    pub digest: Digest,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Name in its ecosystem.
    pub name: String,
    /// Version.
    pub version: String,
    /// Use of the component.
    #[serde(default, skip_serializing_if = "Scope::is_runtime")]
    pub scope: Scope,
    /// Whether the project itself names it. Absent where the sources do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<bool>,
    /// Whether a checksum of a lockfile, or the content of the repository, fixes its bytes.
    pub pinned: bool,
    /// Checksums by algorithm, lower-case hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checksums: BTreeMap<String, String>,
    /// SPDX licence expression (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>), if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Package URLs of the components that it needs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<String>,
    /// Files of `sources` that name it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<String>,
    /// The difference, where the address of a lockfile's entry is that of another package than the entry names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
}

/// Uses of a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The product contains it, or it cannot be told.
    #[default]
    Runtime,
    /// Only some installations contain it.
    Optional,
    /// Only builds and tests use it.
    Development,
}

impl Scope {
    /// Whether the product contains the component.
    #[must_use]
    pub const fn is_runtime(&self) -> bool {
        matches!(self, Self::Runtime)
    }
}

impl ComponentsDocument {
    /// A document without components.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self {
            v: 1,
            tools: tools.into_iter().collect(),
            sources: BTreeSet::new(),
            components: BTreeMap::new(),
            skipped: BTreeMap::new(),
            drift: BTreeMap::new(),
        }
    }

    /// Adds a component. One with the same package URL is joined with it: several lockfiles may name one package.
    pub fn add(&mut self, purl: String, component: Component) {
        match self.components.remove(&purl) {
            Some(other) => self.components.insert(purl, component.join(other)),
            None => self.components.insert(purl, component),
        };
    }

    fn fault(&self, component: &Component) -> Option<&'static str> {
        let short = |text: &String| is_text(text, TEXT_BYTES_MAX);
        if !short(&component.name) || !short(&component.version) {
            return Some("its name or version is empty, long or not printable");
        }
        if component.licence.as_ref().is_some_and(|licence| !short(licence)) {
            return Some("its licence is empty, long or not printable");
        }
        let hex = |text: &String| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !component.checksums.iter().all(|(name, sum)| short(name) && short(sum) && hex(sum)) {
            return Some("a checksum is not lower-case hex");
        }
        if component.differs.as_ref().is_some_and(|difference| !short(difference)) {
            return Some("the difference of its address is empty, long or not printable");
        }
        if !component.needs.iter().all(|need| self.components.contains_key(need)) {
            return Some("it needs a component that is not in the document");
        }
        if !component.sources.is_subset(&self.sources) {
            return Some("it names a source that the document does not name");
        }
        None
    }
}

impl Component {
    fn join(self, other: Self) -> Self {
        Self {
            scope: self.scope.min(other.scope),
            direct: self.direct.max(other.direct),
            // A package that one source leaves open can be replaced there.
            pinned: self.pinned && other.pinned,
            checksums: self.checksums.into_iter().chain(other.checksums).collect(),
            licence: self.licence.or(other.licence),
            needs: self.needs.union(&other.needs).cloned().collect(),
            sources: self.sources.union(&other.sources).cloned().collect(),
            differs: self.differs.max(other.differs),
            name: self.name,
            version: self.version,
        }
    }
}

impl Document for ComponentsDocument {
    const TITLE: &'static str = "components document";

    fn check(&self) -> Result<(), DocumentError> {
        let rule = |what: String| Err(DocumentError::Rule { document: Self::TITLE, what });
        if self.v != 1 {
            return rule("`v` is not 1, the version that this program knows".into());
        }
        check_tools(Self::TITLE, &self.tools)?;
        if self.components.len() > COMPONENTS_MAX || self.sources.len() > COMPONENTS_MAX {
            return rule(format!("it has more than {COMPONENTS_MAX} components or sources"));
        }
        if let Some(source) = self.sources.iter().find(|source| !is_text(source, TEXT_BYTES_MAX)) {
            return rule(format!("source `{source}` is empty, long or not printable"));
        }
        let is_sound =
            |(path, skipped): &(&String, &Skipped)| is_text(path, TEXT_BYTES_MAX) && skipped.files > 0;
        if self.skipped.len() > COMPONENTS_MAX || !self.skipped.iter().all(|row| is_sound(&row)) {
            return rule(
                "a skipped directory has no files, or its path is empty, long or not printable".into(),
            );
        }
        let drift = self.drift.iter().flat_map(|(path, sentences)| sentences.iter().chain([path]));
        let count = drift.clone().count();
        let is_sound = |text: &String| is_text(text, TEXT_BYTES_MAX);
        let empty = self.drift.values().any(BTreeSet::is_empty);
        if empty || count > 2 * COMPONENTS_MAX || !drift.clone().all(is_sound) {
            return rule(
                "its `drift` is long, or a path or a sentence of it is empty, long or not printable".into(),
            );
        }
        let is_purl = |purl: &str| is_text(purl, TEXT_BYTES_MAX) && purl.starts_with("pkg:");
        if let Some(purl) = self.components.keys().find(|purl| !is_purl(purl)) {
            return rule(format!("`{purl}` is not a package URL"));
        }
        match self.components.iter().find_map(|(purl, component)| Some((purl, self.fault(component)?))) {
            Some((purl, fault)) => rule(format!("{purl}: {fault}")),
            None => Ok(()),
        }
    }

    fn tools(&self) -> &BTreeSet<Tool> {
        &self.tools
    }

    fn items(&self) -> BTreeMap<String, u64> {
        let count = |is: &dyn Fn(&Component) -> bool| {
            self.components.values().filter(|component| is(component)).count() as u64
        };
        let counts = [
            ("components", self.components.len() as u64),
            ("sources", self.sources.len() as u64),
            ("unpinned", count(&|component| !component.pinned)),
        ];
        let skipped = ("skipped", self.skipped.values().map(|skipped| u64::from(skipped.files)).sum());
        let skipped = Some(skipped).filter(|(_, files)| *files > 0);
        counts.into_iter().chain(skipped).map(|(name, count)| (name.to_owned(), count)).collect()
    }

    fn merge(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        self.sources.extend(other.sources);
        for (directory, skipped) in other.skipped {
            let most = self.skipped.remove(&directory).map_or(skipped.clone(), |known| known.max(skipped));
            self.skipped.insert(directory, most);
        }
        for (path, sentences) in other.drift {
            self.drift.entry(path).or_default().extend(sentences);
        }
        for (purl, component) in other.components {
            self.add(purl, component);
        }
        self
    }

    fn join(self, other: Self) -> Result<Self, DocumentError> {
        if self == other {
            return Ok(self);
        }
        let differs = |purl: &&String| self.components.get(*purl) != other.components.get(*purl);
        let first = self.components.keys().chain(other.components.keys()).filter(differs).min();
        let what = first.map_or_else(|| "their tools or sources".to_owned(), Clone::clone);
        Err(DocumentError::Differs { document: Self::TITLE, what })
    }
}
