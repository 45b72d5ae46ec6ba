//! The package that the address of a lockfile's entry leads to, as far as the address tells it.
//!
//! A package manager downloads from the address and compares a checksum that the same lockfile states. So the entry's
//! name alone would say nothing about the bytes.

use evidence::document::{TEXT_BYTES_MAX, text};
use percent_encoding::percent_decode_str;

use super::input::base;
use super::purl::pypi_name;
use super::urls;

/// A package of npm as it is downloaded.
#[derive(Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The words of entry and address, if they name two packages.
    pub differs: Option<String>,
}

/// The package of an entry with this name, version and address. If the address is that of a registry, the package is the
/// one that it names.
pub fn npm(name: &str, version: &str, url: Option<&str>) -> Downloaded {
    let same = || Downloaded { name: name.to_owned(), version: version.to_owned(), differs: None };
    let Some(address) = url.filter(|url| url.starts_with("http")) else { return same() };
    let address = percent_decode_str(&urls::public(address)).decode_utf8_lossy().into_owned();
    let path = address.split_once("://").map_or("", |(_, rest)| rest);
    let Some((before, archive)) = path.split_once("/-/") else {
        let differs = archive_of(base(path)).filter(|(found, number)| {
            let unscoped = name.trim_start_matches('@').replace('/', "-");
            (*found != base(name) && *found != unscoped) || !is_same(number, version)
        });
        let differs = differs.map(|_| difference(name, version, base(path)));
        return Downloaded { differs, ..same() };
    };
    let mut parts = before.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let scope = parts.next().filter(|scope| scope.starts_with('@'));
    let found = scope.map_or_else(|| last.to_owned(), |scope| format!("{scope}/{last}"));
    let stem = base(archive).strip_suffix(".tgz").or_else(|| base(archive).strip_suffix(".tar.gz"));
    let number = stem.and_then(|stem| stem.strip_prefix(last)?.strip_prefix('-'));
    match number {
        Some(number) if found == name && is_same(number, version) => same(),
        Some(number) if !number.is_empty() => {
            let differs = difference(name, version, &format!("{found}@{number}"));
            Downloaded { name: found, version: number.to_owned(), differs: Some(differs) }
        }
        // Two packages in one address: nobody knows which of them the server sends.
        _ => Downloaded { differs: Some(difference(name, version, path)), ..same() },
    }
}

/// The difference, if an archive of a Python project, by its address or file name, names another project or version than
/// the entry.
pub fn pypi(name: &str, version: Option<&str>, archive: &str) -> Option<String> {
    let archive = percent_decode_str(&urls::public(archive)).decode_utf8_lossy().into_owned();
    let file = base(&archive);
    let fits = |number: &str| match version {
        Some(version) => is_same_python(number, version),
        None => number.starts_with(|c: char| c.is_ascii_digit()),
    };
    let is_same = if let Some(wheel) = file.strip_suffix(".whl") {
        let mut parts = wheel.split('-');
        let found = parts.next().unwrap_or_default();
        pypi_name(found) == pypi_name(name) && parts.next().is_some_and(fits)
    } else {
        let stem = [".tar.gz", ".zip", ".tar.bz2", ".tgz"].iter().find_map(|end| file.strip_suffix(end))?;
        // `v1.0.tar.gz` of a forge names no project.
        archive_of(&format!("{stem}.tgz"))?;
        (1..stem.len()).filter(|at| stem.is_char_boundary(*at)).any(|at| {
            let (found, rest) = stem.split_at(at);
            let number = rest.strip_prefix(['-', '_']);
            pypi_name(found) == pypi_name(name) && number.is_some_and(fits)
        })
    };
    (!is_same).then(|| difference(name, version.unwrap_or("*"), file))
}

/// Name and version of an archive's file name, if it has the form `NAME-VERSION`.
fn archive_of(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".tgz").or_else(|| file.strip_suffix(".tar.gz"))?;
    let is_version =
        |at: &usize| stem.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let at = stem.match_indices('-').map(|(at, _)| at).find(is_version)?;
    Some((stem.get(..at)?, stem.get(at + 1..)?)).filter(|(name, _)| !name.is_empty())
}

fn difference(name: &str, version: &str, found: &str) -> String {
    text(&format!("the lockfile says `{name}@{version}`, and the address `{found}`"), TEXT_BYTES_MAX)
}

/// Registries of npm leave build metadata out of addresses.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |version: &str| version.split('+').next().unwrap_or_default().to_owned();
    bare(one) == bare(other)
}

fn is_same_python(one: &str, other: &str) -> bool {
    let parse = |version: &str| version.replace('_', "-").parse::<pep440_rs::Version>().ok();
    one.eq_ignore_ascii_case(other) || parse(one).is_some_and(|one| parse(other) == Some(one))
}
