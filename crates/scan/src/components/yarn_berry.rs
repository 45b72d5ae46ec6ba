//! `yarn.lock` of yarn 2 and later (<https://yarnpkg.com/>), which is YAML with a `__metadata`.
//!
//! An entry lists the descriptors that it satisfies, such as `a@npm:^1.0.0`, and has the locator that they lead to. Its
//! checksum is that of yarn's own archive in its cache, so a component is pinned by it and has no checksum.

use std::collections::BTreeSet;

use evidence::document::{TEXT_BYTES_MAX, text};

use super::fault::{Fault, Within};
use super::graph::Package;
use super::node::Node;
use super::purl::Purl;
use super::yarn_pattern::split;
use super::{address, urls};

/// An entry.
pub struct Entry<'a> {
    /// The key.
    pub key: &'a str,
    /// Descriptors that lead to it, such as `a@npm:^1.0.0`.
    pub patterns: Vec<String>,
    /// Names and ranges of what it needs, and whether an installation may go without.
    pub needs: Vec<(&'a str, &'a str, bool)>,
    node: &'a Node,
}

/// Whether a lockfile is one of yarn 2 or later.
pub fn is_berry(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == "__metadata:")
}

/// Reads the document.
pub fn parse(text: &str) -> Result<Node, Fault> {
    let lock = Node::yaml(text)?;
    let metadata = lock.get("__metadata")?.ok_or_else(|| Fault::new("`__metadata` is missing"))?;
    let version = metadata.get("version").within(|| "__metadata")?;
    let version = version.ok_or_else(|| Fault::new("`version` is missing").within("__metadata"))?;
    let version = version.as_version().within(|| "__metadata")?;
    if !VERSIONS.contains(&version) {
        return Err(Fault::version(version, "1 and 4 to 10"));
    }
    Ok(lock)
}

/// The entries of a document.
pub fn entries(lock: &Node) -> Result<Vec<Entry<'_>>, Fault> {
    let mut entries = Vec::new();
    for (key, node) in lock.as_map()?.iter().filter(|(key, _)| *key != "__metadata") {
        let patterns: Vec<String> = key.split(", ").map(str::to_owned).collect();
        if patterns.iter().any(|pattern| split(pattern).1.is_empty()) {
            return Err(Fault::new("`NAME@RANGE` is expected").within(key));
        }
        let mut optional = BTreeSet::new();
        for (name, meta) in node.entries("dependenciesMeta").within(|| key)? {
            if meta.flag("optional").within(|| key)? {
                optional.insert(name.as_str());
            }
        }
        let mut needs = Vec::new();
        for (list, is_optional) in [("dependencies", false), ("optionalDependencies", true)] {
            for (name, range) in node.entries(list).within(|| key)? {
                let range = range.as_version().within(|| key)?;
                needs.push((name.as_str(), range, is_optional || optional.contains(name.as_str())));
            }
        }
        entries.push(Entry { key, patterns, needs, node });
    }
    Ok(entries)
}

impl Entry<'_> {
    /// Whether it is a project of the repository, or a directory that one links to.
    pub fn is_own(&self) -> Result<bool, Fault> {
        let (_, reference) = split(self.node.need("resolution")?);
        Ok(["workspace:", "link:", "portal:"].iter().any(|kind| reference.starts_with(kind)))
    }

    /// The package.
    pub fn package(&self) -> Result<Package, Fault> {
        let (name, reference) = split(self.node.need("resolution")?);
        if self.is_own()? {
            return Ok(Package::own(name));
        }
        let version = self.node.get("version")?.ok_or_else(|| Fault::new("`version` is missing"))?;
        let version = version.as_version()?;
        // Yarn installs what the locator says; the version beside it is a copy.
        let original = patched(self.node.need("resolution")?);
        let locked = original.as_deref().map_or(reference, |locator| split(locator).1);
        let locked = locked.strip_prefix("npm:").and_then(|locked| locked.split("::").next());
        let locked = locked.filter(|locked| *locked != version);
        let mut differs = locked.map(|locked| {
            let differs = format!("the lockfile says `{name}@{version}`, and its resolution `{locked}`");
            text(&differs, TEXT_BYTES_MAX)
        });
        let mut purl = Purl::npm(name)?;
        let mut pinned = self.node.text("checksum")?.is_some_and(|sum| !sum.is_empty());
        // Parameters, such as the address of an archive in a registry.
        let (reference, bound) = reference.split_once("::").unwrap_or((reference, ""));
        if let Some(url) = bound.split('&').find_map(|part| part.strip_prefix("__archiveUrl=")) {
            let url = percent_encoding::percent_decode_str(url).decode_utf8_lossy();
            differs = differs.or_else(|| address::npm(name, version, Some(&url)).differs);
            purl = purl.with("download_url", &urls::public(&url))?;
        } else if !reference.starts_with("npm:") && !reference.starts_with("patch:") {
            match commit(reference) {
                Some(commit) => {
                    pinned |= urls::is_commit(commit);
                    let repository = reference.split('#').next().unwrap_or_default();
                    purl = purl.with("vcs_url", &urls::git(repository, Some(commit)))?;
                }
                None => purl = purl.with("download_url", &urls::public(reference))?,
            }
        }
        let mut package = Package::foreign(purl.at(version)?, name, version);
        package.pinned = pinned;
        package.differs = differs;
        Ok(package)
    }
}

/// The descriptor that a descriptor with a patch is about, such as `a@npm:1.0.0` of `a@patch:a@npm%3A1.0.0#FILE`. Yarn puts patches that it
/// brings along in the place of packages, and no project names them.
pub fn patched(pattern: &str) -> Option<String> {
    let about = split(pattern).1.strip_prefix("patch:")?.split('#').next()?;
    Some(percent_encoding::percent_decode_str(about).decode_utf8_lossy().into_owned())
}

/// The commit of `https://host/path.git#commit=ID`.
fn commit(reference: &str) -> Option<&str> {
    let (_, fragment) = reference.split_once('#')?;
    fragment.split('&').find_map(|part| part.strip_prefix("commit="))
}

/// Versions of the format: 4 is of yarn 2, 5 to 7 of yarn 3, 8 to 10 of yarn 4.
const VERSIONS: [&str; 7] = ["4", "5", "6", "7", "8", "9", "10"];
