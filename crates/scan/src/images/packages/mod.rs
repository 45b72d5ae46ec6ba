//! Packages of an image: those of its distribution, and those that programs of languages installed.
//!
//! Invariant: a database of packages is read whole or named with the reason why it is not, and each package has the path of
//! the file that names it. The bytes of all packages are fixed by the digest of the image, so all are pinned.

mod apk;
mod dpkg;
mod installed;
mod language;
mod places;
mod release;
mod rpm;
mod sqlite;
mod unseen;

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::components::{Component, Scope};
use evidence::document::{ComponentsDocument, Document as _, TEXT_BYTES_MAX, Tool, text};

use super::fault::ImageFault;
use super::image::Image;
use super::path::{directory, joined, name};
use crate::components::fault::Fault;
use crate::components::purl::Purl;
use crate::components::{self, licence};

use installed::Installed;
pub use installed::Packages;
use places::{APK, BARE, DPKG, is_bare};
pub use release::Release;

/// Whether the file at a path names packages.
pub fn is_read(path: &str) -> bool {
    matches!(path, "etc/os-release" | "usr/lib/os-release" | DPKG)
        || APK.contains(&path)
        || (directory(path) == BARE && !path.ends_with(".md5sums"))
        || rpm::kind_of(path).is_some()
        || language::is_read(path)
        || is_lockfile(path)
}

/// Reads the packages of an image.
///
/// # Errors
/// `ImageFault` if the document cannot hold them.
pub fn of(image: &Image) -> Result<Packages, ImageFault> {
    let tools = [Tool::new("countersign images", Some(env!("CARGO_PKG_VERSION")))];
    let release = ["etc/os-release", "usr/lib/os-release"]
        .into_iter()
        .find_map(|path| image.file(path))
        .and_then(|bytes| Release::read(&String::from_utf8_lossy(bytes)));
    let mut packages =
        Packages { document: ComponentsDocument::new(tools), release, unread: BTreeMap::new() };
    for (path, bytes) in &image.pass.kept {
        let read = match path.as_str() {
            DPKG => dpkg::read(bytes, false).map(|all| ("deb", all)),
            path if APK.contains(&path) => apk::read(bytes).map(|all| ("apk", all)),
            path if is_bare(path) => dpkg::read(bytes, true).map(|all| ("deb", all)),
            path => match rpm::kind_of(path) {
                Some(kind) => rpm::read(kind, bytes).map(|all| ("rpm", all)),
                None => continue,
            },
        };
        let added = read.and_then(|(kind, all)| packages.add(path, kind, &all));
        if let Err(fault) = added {
            packages.unread.insert(path.clone(), fault.to_string());
        }
    }
    language::add(image, &mut packages);
    packages.lockfiles(image);
    packages.unread.extend(unseen::databases(image));
    packages.document.check()?;
    Ok(packages)
}

impl Packages {
    fn add(&mut self, path: &str, kind: &'static str, all: &[Installed]) -> Result<(), Fault> {
        self.document.sources.insert(text(path, TEXT_BYTES_MAX));
        for installed in all {
            let purl = self.purl(kind, installed)?;
            self.component(purl, installed, path);
        }
        Ok(())
    }

    fn purl(&self, kind: &'static str, installed: &Installed) -> Result<String, Fault> {
        let namespace = self.release.as_ref().map_or("", |release| release.id.as_str());
        let (epoch, version) = match installed.version.split_once(':') {
            Some((epoch, version)) if kind == "rpm" => (epoch, version),
            _ => ("", installed.version.as_str()),
        };
        let source = match &installed.source {
            None => String::new(),
            Some((name, None)) => name.clone(),
            Some((name, Some(version))) => format!("{name}@{version}"),
        };
        let distro = self.release.as_ref().map(Release::qualifier).unwrap_or_default();
        Purl::distribution(kind, namespace, &installed.name)?
            .with("arch", &installed.architecture)?
            .with("distro", &distro)?
            .with("epoch", epoch)?
            .with("upstream", &source)?
            .at(version)
    }

    fn component(&mut self, purl: String, installed: &Installed, path: &str) {
        let source = text(path, TEXT_BYTES_MAX);
        self.document.sources.insert(source.clone());
        let component = Component {
            name: installed.name.clone(),
            version: installed.version.clone(),
            scope: Scope::Runtime,
            direct: None,
            pinned: true,
            checksums: BTreeMap::new(),
            licence: installed.licence.as_deref().and_then(licence::expression),
            needs: BTreeSet::new(),
            sources: BTreeSet::from([source]),
            differs: None,
        };
        self.document.add(purl, component);
    }

    /// Packages of lockfiles. One that cannot be read does not hide the others.
    fn lockfiles(&mut self, image: &Image) {
        let files: BTreeMap<String, Vec<u8>> = image
            .pass
            .kept
            .iter()
            .filter(|(path, _)| is_lockfile(path))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect();
        let named = |path: &&String| components::format_of(path).is_some();
        if let Ok(document) = components::of(&files) {
            self.join(document);
            return;
        }
        for path in files.keys().filter(named) {
            // The files beside a module of Go belong to it. Other lockfiles stand alone: a large file would be copied for each of them.
            let beside: &[&str] = if name(path) == "go.mod" { &GO_FILES } else { &[] };
            let names = std::iter::once(name(path)).chain(beside.iter().copied());
            let paths = names.map(|name| joined(directory(path), name));
            let group = paths.filter_map(|path| files.get_key_value(&path));
            let group = group.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
            match components::of(&group) {
                Ok(document) => self.join(document),
                Err(error) => drop(self.unread.insert(path.clone(), error.to_string())),
            }
        }
    }

    fn join(&mut self, document: ComponentsDocument) {
        self.document.sources.extend(document.sources);
        for (purl, component) in document.components {
            // The image has the bytes, whatever the lockfile fixes.
            let pinned = component.pinned || components::is_exact(&purl);
            self.document.add(purl, Component { pinned, ..component });
        }
    }
}

/// Lockfiles, and the files that they are read with. A manifest says what somebody asked for and not what the image holds, and
/// lockfiles within installed packages are those of their authors.
fn is_lockfile(path: &str) -> bool {
    let is_foreign =
        path.split('/').any(|part| matches!(part, "node_modules" | "site-packages" | "dist-packages"));
    let is_manifest = matches!(name(path), "Cargo.toml" | "package.json" | "pyproject.toml");
    !is_foreign
        && !is_manifest
        && !path.starts_with("usr/share/doc/")
        && (components::format_of(path).is_some() || GO_FILES.contains(&name(path)))
}

/// Files that belong to a `go.mod` beside them.
const GO_FILES: [&str; 3] = ["go.sum", "go.work", "go.work.sum"];
