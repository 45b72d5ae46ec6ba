//! Advisories in `RustSec`'s own form, as a clone of its database has them: a block of TOML, then Markdown
//! (<https://github.com/RustSec/advisory-db>).
//!
//! Invariant: all versions are affected that no requirement under `patched` or `unaffected` allows. A requirement that
//! cannot be read makes the package "undecided". Parts of a crate, systems and architectures narrow nothing.

use std::collections::BTreeMap;

use evidence::document::text;
use semver::VersionReq;
use serde::Deserialize;

use super::affected::Affected;
use super::ecosystem::{Ecosystem, Package};
use super::error::AdvisoriesError;
use super::record::{RECORD_BYTES_MAX, Record, identifiers};
use super::requirements;
use super::stored::{Sort, StoredRecord};
use crate::reports::findings::moment;
use crate::reports::severity::Rating;

#[derive(Deserialize)]
struct Front {
    advisory: Advisory,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    package: String,
    date: String,
    #[serde(default)]
    aliases: Vec<String>,
    cvss: Option<String>,
    informational: Option<String>,
    withdrawn: Option<String>,
    /// The older name of `withdrawn`.
    #[serde(default)]
    yanked: bool,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

/// Whether a file of a mirror is such an advisory, by its name. `rust/` holds advisories about the compiler and its library,
/// whose names are those of other crates.
#[must_use]
pub fn is_rustsec(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let is_named = file.starts_with("RUSTSEC-") && file.ends_with(".md");
    is_named && parts.nth(1) != Some("rust")
}

/// Reads an advisory. `name` is that of its file.
///
/// # Errors
/// `AdvisoriesError::Format` names the file and the cause.
pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Record, AdvisoriesError> {
    let fault = |why: String| AdvisoriesError::Format { name: text(name, 200), why };
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(fault(format!("more than {RECORD_BYTES_MAX} bytes")));
    }
    let all = std::str::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".into()))?;
    let (front, body) = parts(all).ok_or_else(|| fault("it does not begin with a block of TOML".into()))?;
    let front: Front = toml::from_str(front)
        .map_err(|error| fault(format!("not an advisory of RustSec: {}", text(error.message(), 200))))?;
    let advisory = front.advisory;
    let (id, aliases) = identifiers(&advisory.id, &advisory.aliases).map_err(fault)?;
    let package = advisory.package.trim();
    if package.is_empty() || package.len() > NAME_BYTES_MAX || package.chars().any(char::is_control) {
        return Err(fault("`package` is no name of a crate".into()));
    }
    let day = |day: &str| {
        let at = moment(&format!("{}T00:00:00Z", day.trim()));
        at.ok_or_else(|| fault(format!("`{}` is no date after 1970", text(day, 40))))
    };
    let published = day(&advisory.date)?;
    let withdrawn = advisory.withdrawn.as_deref().map(day).transpose()?;
    let rating = Rating::of_vectors(advisory.cvss.as_deref());
    let facts = StoredRecord {
        sort: match advisory.informational.as_deref() {
            Some("unmaintained") => Sort::Unmaintained,
            Some("unsound") => Sort::Unsound,
            Some("notice") => Sort::Notice,
            _ => Sort::Vulnerability,
        },
        summary: title(body).unwrap_or_else(|| id.clone()),
        severity: rating.map(|rating| rating.severity),
        score: rating.and_then(|rating| rating.score),
        epss: None,
        exploited: false,
        published: Some(published),
        id,
        aliases,
        affected: Affected::default(),
    };
    let package = Package::new(Ecosystem::CratesIo, package);
    let packages = BTreeMap::from([(package, affected(&front.versions))]);
    let is_withdrawn = withdrawn.is_some() || advisory.yanked;
    Ok(Record { facts, modified: Some(withdrawn.unwrap_or(published)), withdrawn: is_withdrawn, packages })
}

/// The block of TOML, and the text behind it.
fn parts(all: &str) -> Option<(&str, &str)> {
    let all = all.trim_start_matches('\u{feff}').trim_start();
    let (first, rest) = all.split_once('\n')?;
    let end = (first.trim_end() == "```toml").then(|| rest.find("\n```"))??;
    rest.split_at_checked(end)
}

fn title(body: &str) -> Option<String> {
    let line = body.lines().find_map(|line| line.strip_prefix("# "))?;
    Some(text(line, evidence::document::MESSAGE_BYTES_MAX)).filter(|line| !line.is_empty())
}

fn affected(versions: &Versions) -> Affected {
    let mut all: Vec<VersionReq> = Vec::new();
    for written in versions.patched.iter().chain(&versions.unaffected) {
        match VersionReq::parse(written) {
            Ok(requirement) => all.push(requirement),
            Err(_) => {
                let unclear = format!("`{}` is no requirement of versions", text(written, 80));
                return Affected { unclear: Some(unclear), ..Affected::default() };
            }
        }
    }
    if all.len() > REQUIREMENTS_MAX {
        let unclear = format!("it has more than {REQUIREMENTS_MAX} requirements of versions");
        return Affected { unclear: Some(unclear), ..Affected::default() };
    }
    Affected { ranges: requirements::outside(&all), ..Affected::default() }
}

const NAME_BYTES_MAX: usize = 512;
/// Highest number of requirements, which gives half the number of events that a record may have.
const REQUIREMENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const ADVISORY: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\ndate = \"2026-01-02\"\n\
        aliases = [\"CVE-2026-1\"]\ncvss = \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H\"\n[versions]\npatched = [\"^1.2.3\", \">= 2.1\"]\n\
        unaffected = [\"< 0.9\"]\n```\n\n# A title\n\nText.\n";

    #[test]
    fn fields() {
        let record = decode("RUSTSEC-2026-0001.md", ADVISORY.as_bytes()).unwrap();
        assert_eq!(
            (record.facts.id.as_str(), record.facts.summary.as_str()),
            ("RUSTSEC-2026-0001", "A title")
        );
        assert_eq!((record.facts.score, record.facts.sort), (Some(75), Sort::Vulnerability));
        assert_eq!(record.facts.aliases, ["CVE-2026-1"]);
        assert_eq!(record.facts.published.unwrap().to_string(), "2026-01-02T00:00:00.000Z");
        assert!(!record.withdrawn);
        for line in ["withdrawn = \"2026-03-01\"", "yanked = true"] {
            let text = ADVISORY.replace("package =", &format!("{line}\npackage ="));
            assert!(decode("x", text.as_bytes()).unwrap().withdrawn, "{line}");
        }
        for (word, sort) in [("unsound", Sort::Unsound), ("other", Sort::Vulnerability)] {
            let text = ADVISORY.replace("package =", &format!("informational = \"{word}\"\npackage ="));
            assert_eq!(decode("x", text.as_bytes()).unwrap().facts.sort, sort);
        }
    }

    #[test]
    fn what_cannot_be_read() {
        for (from, to) in [
            ("```toml", "text"),
            ("\n```", ""),
            ("package = \"a\"", ""),
            ("package = \"a\"", "package = \" \""),
            ("2026-01-02", "yesterday"),
            ("RUSTSEC-2026-0001", "a b"),
            ("date =", "package = \"b\"\ndate ="),
        ] {
            let error = decode("x.md", ADVISORY.replace(from, to).as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("x.md: "), "{from}: {error}");
        }
        let record = decode("x", ADVISORY.replace("^1.2.3", "one").as_bytes()).unwrap();
        let affected = record.packages.into_values().next().unwrap();
        assert!(affected.ranges.is_empty() && affected.unclear.unwrap().contains("`one`"));
    }

    #[test]
    fn names() {
        assert!(is_rustsec("/db/crates/a/RUSTSEC-2026-0001.md"));
        for path in ["/db/rust/std/RUSTSEC-2026-0001.md", "/db/README.md", "/db/crates/a/RUSTSEC-1.txt"] {
            assert!(!is_rustsec(path), "{path}");
        }
    }
}
