//! Entries of `package-lock.json`, the same for each version of the format, and checksums as npm writes them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::document::components::Scope;

use super::address;
use super::fault::{Fault, Within};
use super::graph::Package;
use super::input::{Input, base, joined};
use super::node::Node;
use super::purl::Purl;
use super::urls;

/// An entry of a lockfile of any version.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Place in the tree of directories; empty for the project.
    pub place: String,
    /// Name of the package, where it differs from its directory.
    pub name: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Address that it came from.
    pub resolved: Option<String>,
    /// Checksums in the form of Subresource Integrity.
    pub integrity: Option<String>,
    /// Place that it is a link to.
    pub link: Option<String>,
    /// Whether the archive of the package above contains it.
    pub bundled: bool,
    /// Scope.
    pub scope: Scope,
    /// Licence.
    pub licence: Option<String>,
    /// Names of the packages that it needs.
    pub needs: Vec<(String, Scope)>,
}

impl Entry {
    /// Reads an entry of version 2 or 3.
    pub fn of(place: &str, node: &Node) -> Result<Self, Fault> {
        let read = || {
            let text = |key| node.text(key).map(|text| text.map(str::to_owned));
            let (resolved, is_link) = (text("resolved")?, node.flag("link")?);
            let link =
                is_link.then(|| resolved.clone().ok_or_else(|| Fault::new("a link has no `resolved`")));
            let licence = match node.get("license")? {
                Some(Node::Text(licence)) => Some(licence.clone()),
                _ => None,
            };
            Ok(Self {
                place: place.to_owned(),
                name: text("name")?,
                version: text("version")?,
                resolved,
                integrity: text("integrity")?,
                link: link.transpose()?,
                bundled: node.flag("inBundle")?,
                scope: scope(node)?,
                licence,
                needs: needs(node, !is_installed(place))?,
            })
        };
        if place.len() > PLACE_BYTES_MAX {
            return Err(Fault::new(format!("a place has more than {PLACE_BYTES_MAX} bytes")));
        }
        read().within(|| format!("packages.`{place}`"))
    }

    /// The package of an entry that is no link.
    pub fn package(&self, input: &Input<'_>, entries: &[Self]) -> Result<Package, Fault> {
        if !is_installed(&self.place) {
            return match self.place.starts_with("..") {
                true => self.outside(input),
                false => Ok(Package::own(&self.place)),
            };
        }
        let name = self.name.as_deref().unwrap_or_else(|| name_of(&self.place));
        let version = self.version.as_deref().ok_or_else(|| Fault::new("`version` is missing"))?;
        let found = address::npm(name, version, self.resolved.as_deref());
        let (name, version) = (found.name.as_str(), found.version.as_str());
        let mut purl = Purl::npm(name)?;
        let mut pinned = false;
        match self.resolved.as_deref() {
            Some(url) if is_git(url) => {
                pinned = urls::commit(url).is_some();
                purl = purl.with("vcs_url", &urls::git(url, urls::commit(url)))?;
            }
            Some(url) if url.starts_with("http") && !url.contains("/-/") => {
                purl = purl.with("download_url", &urls::public(url))?;
            }
            _ => {}
        }
        let mut package = Package::foreign(purl.at(version)?, name, version);
        let sums = self.integrity.as_deref().map(integrity).transpose()?.unwrap_or_default();
        package = package.pinned_by(sums);
        package.pinned |= pinned || (self.bundled && self.is_in_pinned(entries));
        package.differs = found.differs;
        package.scope = Some(self.scope);
        package.licence.clone_from(&self.licence);
        Ok(package)
    }

    /// A package outside the tree, of which nothing is fixed.
    pub fn outside(&self, input: &Input<'_>) -> Result<Package, Fault> {
        let target = self.link.as_deref().unwrap_or(&self.place);
        if joined(input.directory(), target).is_some_and(|path| input.has_directory(&path)) {
            return Ok(Package::own(target));
        }
        let name = self.name.as_deref().unwrap_or_else(|| name_of(&self.place));
        let purl = Purl::npm(name)?;
        match self.version.as_deref() {
            Some(version) => Ok(Package::foreign(purl.at(version)?, name, version)),
            None => Ok(Package::foreign(purl.open(), name, "*")),
        }
    }

    /// Whether an archive with a checksum contains this bundled package.
    fn is_in_pinned(&self, entries: &[Self]) -> bool {
        let mut place = self.place.as_str();
        while let Some((above, _)) = place.rsplit_once("/node_modules/") {
            let holder = entries.binary_search_by(|entry| entry.place.as_str().cmp(above)).ok();
            match holder.and_then(|number| entries.get(number)) {
                Some(holder) if !holder.bundled => return holder.integrity.is_some(),
                Some(_) => place = above,
                None => return false,
            }
        }
        false
    }
}

/// The packages that a manifest or an entry needs, by the sort of need.
pub fn needs(node: &Node, is_own: bool) -> Result<Vec<(String, Scope)>, Fault> {
    let mut needs = Vec::new();
    let sorts = [
        ("dependencies", Scope::Runtime),
        ("peerDependencies", Scope::Runtime),
        ("optionalDependencies", Scope::Optional),
        ("devDependencies", Scope::Development),
    ];
    for (sort, scope) in sorts {
        if sort != "devDependencies" || is_own {
            needs.extend(node.entries(sort)?.map(|(name, _)| (name.clone(), scope)));
        }
    }
    Ok(needs)
}

/// Checksums in the form of Subresource Integrity (<https://www.w3.org/TR/SRI/>), as hex.
pub fn integrity(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut sums = BTreeMap::new();
    for item in text.split_ascii_whitespace() {
        let item = item.split('?').next().unwrap_or_default();
        let wrong = || Fault::new(format!("`{item}` is no checksum"));
        let (name, sum) = item.split_once('-').ok_or_else(wrong)?;
        let bytes = match name {
            "sha1" => 20,
            "sha256" => 32,
            "sha384" => 48,
            "sha512" => 64,
            _ => continue,
        };
        let sum = STANDARD.decode(sum).ok().filter(|sum| sum.len() == bytes).ok_or_else(wrong)?;
        sums.entry(name.to_owned()).or_insert_with(|| hex::encode(sum));
    }
    Ok(sums)
}

/// Whether an address is one of a git repository.
pub fn is_git(url: &str) -> bool {
    url.starts_with("git+") || url.starts_with("git:") || url.starts_with("github:")
}

/// The scope by the flags of an entry.
pub fn scope(node: &Node) -> Result<Scope, Fault> {
    Ok(match (node.flag("dev")?, node.flag("optional")? || node.flag("devOptional")?) {
        (true, _) => Scope::Development,
        (false, true) => Scope::Optional,
        (false, false) => Scope::Runtime,
    })
}

fn is_installed(place: &str) -> bool {
    place.starts_with("node_modules/") || place.contains("/node_modules/")
}

fn name_of(place: &str) -> &str {
    match place.rfind("node_modules/") {
        Some(at) => place.get(at + "node_modules/".len()..).unwrap_or_default(),
        None => base(place),
    }
}

/// Longest place in bytes: the longest path that file systems take.
pub const PLACE_BYTES_MAX: usize = 4096;
