//! Lockfiles, by ecosystem. A new lockfile is one file here and a row in the table.
//!
//! Input: the files of a tree. Output: a `components` document. Invariant: a file that the table names is read whole or
//! is an error with its name, the place and a remedy; an unknown version of a format is such an error. A dependency
//! whose version no file fixes is a component without a version in its package URL, never a missing one.
//! It deliberately omits what package managers do: nothing is resolved, and no licence is guessed.

mod address;
mod cargo;
mod composer;
pub mod cyclonedx;
mod drift;
mod drift_fixed;
pub(crate) mod fault;
mod file_kind;
mod gem;
mod go;
mod gradle;
pub(crate) mod graph;
mod input;
mod installed;
pub(crate) mod licence;
mod manifests;
mod maven;
mod maven_projects;
mod maven_tree;
pub(crate) mod node;
mod npm;
mod npm_entry;
mod npm_tree;
mod nuget;
mod paths;
mod pdm;
mod pip;
mod pipenv;
mod pnpm;
mod poetry;
pub(crate) mod purl;
pub mod spdx;
mod urls;
mod uv;
mod yarn;
mod yarn_berry;
mod yarn_pattern;

#[cfg(test)]
mod drift_tests;
#[cfg(test)]
mod hiding_tests;
#[cfg(test)]
mod lockfile_tests;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evidence::document::{ComponentsDocument, Document, Tool};

use crate::ScanError;
use fault::{Fault, Within};
use file_kind::FileKind;
use input::{Input, Own, base, directory};
use installed::Installed;

pub use file_kind::{FORMATS, Format, format_of};
pub use input::LOCKFILE_BYTES_MAX;
pub use purl::is_exact;

/// Lists the components of a tree.
///
/// # Errors
/// `ScanError` names the file, the place and what to do.
pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Result<ComponentsDocument, ScanError> {
    let mut document =
        ComponentsDocument::new([Tool::new("countersign components", Some(env!("CARGO_PKG_VERSION")))]);
    let own = Own::default();
    let mut installed = Installed::default();
    for (path, bytes) in files {
        let Some(format) = format_of(path) else { continue };
        if let Some(directory) = installed::directory_of(path, files) {
            installed.add(directory, path, bytes)?;
            continue;
        }
        let mut read = || {
            if bytes.len() > LOCKFILE_BYTES_MAX {
                return Err(Fault::new(format!("it has more than {LOCKFILE_BYTES_MAX} bytes")));
            }
            let text = node::text(bytes)?;
            reader(format.kind)(&Input { path, text, files, own: &own }, &mut document)
        };
        read().within(|| path).map_err(|fault| ScanError::Format {
            what: "lockfile",
            why: format!("{fault}; {}", format.remedy),
        })?;
    }
    maven::complete(&mut document);
    document.skipped = installed.skipped();
    document.drift = drift::of(files)
        .map_err(|fault| ScanError::Format { what: "lockfile", why: format!("{fault}; write it again") })?;
    document.check()?;
    Ok(document)
}

/// Whether [`of`] reads this file: a lockfile or a manifest. A caller needs to load no other file.
#[must_use]
pub fn is_read(path: &str) -> bool {
    format_of(path).is_some()
        || matches!(
            base(path),
            "composer.json" | "Pipfile" | "go.sum" | "go.work" | "go.work.sum" | ".cargo-checksum.json"
        )
        || (matches!(base(path), "maven.config" | "jvm.config") && base(directory(path)) == ".mvn")
        || path.ends_with(".txt")
}

fn reader(kind: FileKind) -> fn(&Input<'_>, &mut ComponentsDocument) -> Result<(), Fault> {
    match kind {
        FileKind::CargoLock => cargo::read,
        FileKind::GoMod => go::read,
        FileKind::Pom => maven::read,
        FileKind::MavenTree => maven_tree::read,
        FileKind::NpmLock => npm::read,
        FileKind::PnpmLock => pnpm::read,
        FileKind::YarnLock => yarn::read,
        FileKind::PipRequirements => pip::read,
        FileKind::PoetryLock => poetry::read,
        FileKind::UvLock => uv::read,
        FileKind::ComposerLock => composer::read,
        FileKind::GemLock => gem::read,
        FileKind::GradleLock => gradle::read,
        FileKind::NugetLock => nuget::read,
        FileKind::PdmLock => pdm::read,
        FileKind::PipfileLock => pipenv::read,
        FileKind::Manifest => manifests::read,
    }
}
