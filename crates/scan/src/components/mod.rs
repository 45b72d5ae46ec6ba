//! Lockfiles, by ecosystem. A new lockfile is one file here and a row in the table.
//!
//! Input: the files of a tree. Output: a `components` document. Invariant: a file that the table names is read whole or
//! is an error with its name, the place and a remedy; an unknown version of a format is such an error. A dependency
//! whose version no file fixes is a component without a version in its package URL, never a missing one.
//! It deliberately omits what package managers do: nothing is resolved, and no licence is guessed.

mod cargo;
pub mod cyclonedx;
mod fault;
mod go;
mod graph;
mod licence;
mod manifests;
mod maven;
mod maven_tree;
mod node;
mod npm;
mod npm_tree;
mod pip;
mod pnpm;
mod poetry;
mod purl;
pub mod spdx;
mod urls;
mod uv;
mod yarn;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evidence::document::{ComponentsDocument, Document, Tool};

use crate::ScanError;
use fault::{Fault, Within};

pub use purl::is_exact;

/// Largest lockfile in bytes. The lockfile of 10,000 packages has about 5 MiB.
pub const LOCKFILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A format of lockfiles.
#[derive(Debug)]
pub struct Format {
    /// Name of the format.
    pub name: &'static str,
    /// Ecosystem.
    pub ecosystem: &'static str,
    /// File names by which it is recognised, as people write them.
    pub files: &'static [&'static str],
    /// How to make such a file again.
    pub remedy: &'static str,
    is: fn(&str) -> bool,
    read: fn(&Input<'_>, &mut ComponentsDocument) -> Result<(), Fault>,
}

/// The formats, in alphabetical order of their ecosystems.
pub const FORMATS: [Format; 11] = [
    Format {
        name: "Cargo.lock",
        ecosystem: "cargo",
        files: &["Cargo.lock"],
        remedy: "make it again by `cargo generate-lockfile`",
        is: |path| base(path) == "Cargo.lock",
        read: cargo::read,
    },
    Format {
        name: "go.mod",
        ecosystem: "golang",
        files: &["go.mod", "go.sum"],
        remedy: "make it again by `go mod tidy`",
        is: |path| base(path) == "go.mod",
        read: go::read,
    },
    Format {
        name: "pom.xml",
        ecosystem: "maven",
        files: &["pom.xml"],
        remedy: "check it by `mvn validate`",
        is: |path| base(path) == "pom.xml",
        read: maven::read,
    },
    Format {
        name: "mvn dependency:tree",
        ecosystem: "maven",
        files: &["dependency-tree.txt", "*-dependency-tree.txt"],
        remedy: "make it again by `mvn dependency:tree -DoutputFile=dependency-tree.txt`",
        is: |path| base(path).ends_with("dependency-tree.txt"),
        read: maven_tree::read,
    },
    Format {
        name: "package-lock.json",
        ecosystem: "npm",
        files: &["package-lock.json", "npm-shrinkwrap.json"],
        remedy: "make it again by `npm install --package-lock-only`",
        is: |path| matches!(base(path), "package-lock.json" | "npm-shrinkwrap.json"),
        read: npm::read,
    },
    Format {
        name: "pnpm-lock.yaml",
        ecosystem: "npm",
        files: &["pnpm-lock.yaml"],
        remedy: "make it again by `pnpm install --lockfile-only`",
        is: |path| base(path) == "pnpm-lock.yaml",
        read: pnpm::read,
    },
    Format {
        name: "yarn.lock",
        ecosystem: "npm",
        files: &["yarn.lock"],
        remedy: "make it again by `yarn install` of yarn 1, or use another package manager's lockfile",
        is: |path| base(path) == "yarn.lock",
        read: yarn::read,
    },
    Format {
        name: "pip requirements",
        ecosystem: "pypi",
        files: &["*requirements*.txt", "requirements/*.txt"],
        remedy: "correct the line, or make the file again by `pip-compile --generate-hashes`",
        is: is_requirements,
        read: pip::read,
    },
    Format {
        name: "poetry.lock",
        ecosystem: "pypi",
        files: &["poetry.lock"],
        remedy: "make it again by `poetry lock`",
        is: |path| base(path) == "poetry.lock",
        read: poetry::read,
    },
    Format {
        name: "uv.lock",
        ecosystem: "pypi",
        files: &["uv.lock"],
        remedy: "make it again by `uv lock`",
        is: |path| base(path) == "uv.lock",
        read: uv::read,
    },
    Format {
        name: "manifest",
        ecosystem: "",
        files: &["Cargo.toml", "package.json", "pyproject.toml"],
        remedy: "correct the manifest, or commit a lockfile beside it",
        is: manifests::is,
        read: manifests::read,
    },
];

/// Lists the components of a tree.
///
/// # Errors
/// `ScanError` names the file, the place and what to do.
pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Result<ComponentsDocument, ScanError> {
    let mut document =
        ComponentsDocument::new([Tool::new("countersign components", Some(env!("CARGO_PKG_VERSION")))]);
    for (path, bytes) in files {
        let Some(format) = format_of(path).filter(|_| !is_installed(path, files)) else { continue };
        let mut read = || {
            if bytes.len() > LOCKFILE_BYTES_MAX {
                return Err(Fault::new(format!("it has more than {LOCKFILE_BYTES_MAX} bytes")));
            }
            let text = node::text(bytes)?;
            (format.read)(&Input { path, text, files }, &mut document)
        };
        read().within(|| path).map_err(|fault| ScanError::Format {
            what: format.name,
            why: format!("{fault}; {}", format.remedy),
        })?;
    }
    maven::complete(&mut document);
    document.check()?;
    Ok(document)
}

/// Whether [`of`] reads this file: a lockfile or a manifest. A caller needs to load no other file.
#[must_use]
pub fn is_read(path: &str) -> bool {
    format_of(path).is_some()
        || matches!(base(path), "go.sum" | "go.work.sum" | ".cargo-checksum.json")
        || path.ends_with(".txt")
}

/// A file that is read, and the tree that it is in.
#[derive(Debug)]
struct Input<'a> {
    path: &'a str,
    text: &'a str,
    files: &'a BTreeMap<String, Vec<u8>>,
}

impl<'a> Input<'a> {
    /// The directory of the file, without a slash at its end.
    fn directory(&self) -> &'a str {
        directory(self.path)
    }

    /// The text of another file of the tree; `None` if there is none.
    fn other(&self, path: &str) -> Result<Option<&'a str>, Fault> {
        let Some(bytes) = self.files.get(path) else { return Ok(None) };
        if bytes.len() > LOCKFILE_BYTES_MAX {
            return Err(Fault::new(format!("it has more than {LOCKFILE_BYTES_MAX} bytes")).within(path));
        }
        node::text(bytes).within(|| path).map(Some)
    }

    /// Whether the tree has a file below this directory.
    fn has_directory(&self, path: &str) -> bool {
        if path.is_empty() {
            return true;
        }
        let below = format!("{path}/");
        self.files.range(below.clone()..).next().is_some_and(|(found, _)| found.starts_with(&below))
    }
}

fn format_of(path: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| (format.is)(path))
}

/// Whether the file belongs to an installed or vendored package: its own lockfile says nothing about this project.
fn is_installed(path: &str, files: &BTreeMap<String, Vec<u8>>) -> bool {
    let vendored = |directory: &str| files.contains_key(&within_directory(directory, ".cargo-checksum.json"));
    let mut above = directory(path);
    loop {
        if base(above) == "node_modules" || vendored(above) {
            return true;
        }
        if above.is_empty() {
            return false;
        }
        above = directory(above);
    }
}

fn is_requirements(path: &str) -> bool {
    let name = base(path);
    name.ends_with(".txt") && (name.contains("requirements") || base(directory(path)) == "requirements")
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn within_directory(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A relative path below a directory of the tree; `None` if it leads out of the tree.
fn joined(directory: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
