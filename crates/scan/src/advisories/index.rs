//! Documents of package indexes: when a version was published, and whether it was yanked or deprecated.
//!
//! Invariant: a document that cannot be read is an error with the name of its file. A version that no document names is
//! unknown, which is never "not yanked".

use std::collections::BTreeMap;

use evidence::Moment;
use evidence::document::{MESSAGE_BYTES_MAX, text};
use serde::Deserialize;
use serde_json::Value;

use super::ecosystem::{Ecosystem, Package};
use super::error::AdvisoriesError;
use super::stored::{Withdrawal, Withdrawn};
use crate::reports::findings::moment;

/// Largest document of an index in bytes.
pub const INDEX_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The versions of a package.
pub(super) type Releases = BTreeMap<String, Release>;

/// A version of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Release {
    /// Time of the publication.
    pub at: Option<Moment>,
    /// Whether and why its publisher advises against it.
    pub withdrawn: Option<Withdrawn>,
}

#[derive(Deserialize)]
struct Npm {
    name: String,
    versions: BTreeMap<String, NpmVersion>,
    #[serde(default)]
    time: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct NpmVersion {
    deprecated: Option<Value>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    vers: String,
    yanked: bool,
    pubtime: Option<String>,
}

/// The simple API (<https://packaging.python.org/en/latest/specifications/simple-repository-api/>), or the registry's own.
#[derive(Deserialize)]
struct Pypi {
    name: Option<String>,
    files: Option<Vec<PypiFile>>,
    info: Option<PypiInfo>,
    releases: Option<BTreeMap<String, Vec<PypiFile>>>,
}

#[derive(Deserialize)]
struct PypiInfo {
    name: String,
}

#[derive(Deserialize)]
struct PypiFile {
    filename: String,
    #[serde(default)]
    yanked: Value,
    yanked_reason: Option<String>,
    #[serde(alias = "upload_time_iso_8601", rename = "upload-time")]
    upload_time: Option<String>,
}

/// Reads the document of one package. `name` is that of its file.
///
/// # Errors
/// `AdvisoriesError::Format` names the file and the cause.
pub(super) fn decode(
    ecosystem: Ecosystem,
    name: &str,
    bytes: &[u8],
) -> Result<(Package, Releases), AdvisoriesError> {
    let fault = |why: String| AdvisoriesError::Format { name: text(name, 200), why };
    if bytes.len() > INDEX_BYTES_MAX {
        return Err(fault(format!("more than {INDEX_BYTES_MAX} bytes")));
    }
    let read = match ecosystem {
        Ecosystem::Npm => npm(bytes),
        Ecosystem::CratesIo => crates(bytes),
        Ecosystem::Pypi => pypi(bytes),
        _ => {
            return Err(fault("its ecosystem has no index that is read".into()));
        }
    };
    let (package, releases) =
        read.map_err(|error| fault(format!("no document of the index of {}: {error}", ecosystem.as_str())))?;
    let is_name = (1..=512).contains(&package.len()) && !package.chars().any(char::is_control);
    if !is_name || releases.is_empty() || releases.len() > VERSIONS_MAX {
        return Err(fault(format!("it names no package, or not between 1 and {VERSIONS_MAX} versions")));
    }
    let releases = releases.into_iter();
    let releases = releases.filter(|(version, _)| version.len() <= super::versions::VERSION_BYTES_MAX);
    Ok((Package::new(ecosystem, package.trim()), releases.collect()))
}

type Read = Result<(String, Releases), serde_json::Error>;

fn npm(bytes: &[u8]) -> Read {
    let document: Npm = serde_json::from_slice(bytes)?;
    let release = |(version, found): (String, NpmVersion)| {
        let reason = match found.deprecated {
            None | Some(Value::Null | Value::Bool(false)) => None,
            Some(reason) => Some(reason.as_str().unwrap_or_default().to_owned()),
        };
        // An empty text takes a deprecation back.
        let reason = reason.filter(|reason| !reason.is_empty());
        let at = document.time.get(&version).and_then(Value::as_str).and_then(moment);
        let withdrawn = reason.map(|reason| withdrawn(Withdrawal::Deprecated, &reason));
        (version, Release { at, withdrawn })
    };
    Ok((document.name, document.versions.into_iter().map(release).collect()))
}

/// One line for each version.
fn crates(bytes: &[u8]) -> Read {
    let (mut name, mut releases) = (String::new(), Releases::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let row: Crate = serde_json::from_slice(line)?;
        let withdrawn = row.yanked.then(|| withdrawn(Withdrawal::Yanked, ""));
        releases.insert(row.vers, Release { at: row.pubtime.as_deref().and_then(moment), withdrawn });
        name = row.name;
    }
    Ok((name, releases))
}

fn pypi(bytes: &[u8]) -> Read {
    let document: Pypi = serde_json::from_slice(bytes)?;
    let name = document.info.map(|info| info.name).or(document.name).unwrap_or_default();
    let mut files: BTreeMap<String, Vec<PypiFile>> = document.releases.unwrap_or_default();
    for file in document.files.unwrap_or_default() {
        if let Some(version) = version_of(&file.filename) {
            files.entry(version.to_owned()).or_default().push(file);
        }
    }
    files.retain(|_, files| !files.is_empty());
    Ok((name, files.into_iter().map(|(version, files)| (version, of_files(&files))).collect()))
}

/// A version is yanked if all its files are, and was published with the first of them.
fn of_files(files: &[PypiFile]) -> Release {
    let is_yanked = |file: &PypiFile| !matches!(file.yanked, Value::Null | Value::Bool(false));
    let reason = |file: &PypiFile| file.yanked_reason.clone().or(file.yanked.as_str().map(str::to_owned));
    let withdrawn = files
        .iter()
        .all(is_yanked)
        .then(|| withdrawn(Withdrawal::Yanked, &files.iter().find_map(reason).unwrap_or_default()));
    let at = files.iter().filter_map(|file| file.upload_time.as_deref().and_then(moment)).min();
    Release { at, withdrawn }
}

/// The version in the name of a wheel or source archive; names of projects in them have no `-` before it in wheels, and it
/// is last in source archives.
fn version_of(file: &str) -> Option<&str> {
    if let Some(wheel) = file.strip_suffix(".whl") {
        return wheel.split('-').nth(1);
    }
    let archive = [".tar.gz", ".zip", ".tar.bz2"].iter().find_map(|ending| file.strip_suffix(*ending))?;
    archive.rsplit_once('-').map(|(_, version)| version)
}

fn withdrawn(kind: Withdrawal, reason: &str) -> Withdrawn {
    Withdrawn { kind, reason: text(reason, MESSAGE_BYTES_MAX / 2) }
}

const VERSIONS_MAX: usize = 100_000;
