//! Lockfiles of Gradle (<https://docs.gradle.org/current/userguide/dependency_locking.html>): `gradle.lockfile`, those of
//! build scripts and settings, and the older form with a file for each configuration.
//!
//! They fix versions and no bytes, and do not say which module needs which. `verification-metadata.xml` is no lockfile:
//! it lists checksums of whatever some build once needed.

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, base, directory};
use super::purl::Purl;

/// Whether a path is one of a lockfile.
pub fn is_lockfile(path: &str) -> bool {
    NAMES.contains(&base(path)) || is_single(path)
}

/// Whether it is a file for one configuration.
fn is_single(path: &str) -> bool {
    let above = directory(path);
    path.ends_with(".lockfile") && base(above) == "dependency-locks" && base(directory(above)) == "gradle"
}

/// Reads a lockfile.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let name = base(input.path);
    let is_single = is_single(input.path);
    let mut graph = Graph::default();
    let mut has_end = is_single;
    for (number, line) in input.text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (module, configurations) = match line.split_once('=') {
            Some(parts) => parts,
            None if is_single => (line, name.trim_end_matches(".lockfile")),
            None => {
                return Err(
                    Fault::new("`GROUP:NAME:VERSION=CONFIGURATIONS` is expected").within(place(number))
                );
            }
        };
        if module == "empty" {
            has_end = true;
            continue;
        }
        let mut package = package(module).within(|| place(number))?;
        let is_build = name != "gradle.lockfile" && !is_single;
        package.scope = Some(if is_build { Scope::Development } else { scope(configurations) });
        graph.add(package);
    }
    if !has_end {
        return Err(Fault::new("the line `empty=` is missing; is the file cut?"));
    }
    graph.finish(document, input.path);
    Ok(())
}

fn place(number: usize) -> String {
    format!("line {}", number + 1)
}

fn package(module: &str) -> Result<Package, Fault> {
    let parts: Vec<&str> = module.split(':').collect();
    let [group, artifact, version] = parts.as_slice() else {
        return Err(Fault::new("`GROUP:NAME:VERSION` is expected"));
    };
    let purl = Purl::maven(group, artifact)?.at(version)?;
    Ok(Package::foreign(purl, &format!("{group}:{artifact}"), version))
}

/// A module is for development if each configuration that needs it is one of tests or tools.
fn scope(configurations: &str) -> Scope {
    let is_tool = |name: &str| {
        let name = name.to_ascii_lowercase();
        TOOLS.iter().any(|tool| name.contains(tool))
    };
    if configurations.split(',').all(is_tool) { Scope::Development } else { Scope::Runtime }
}

const NAMES: [&str; 3] = ["gradle.lockfile", "buildscript-gradle.lockfile", "settings-gradle.lockfile"];
/// Parts of the names of configurations that no artifact is made of.
const TOOLS: [&str; 6] = ["test", "annotationprocessor", "checkstyle", "pmd", "jacoco", "spotbugs"];
