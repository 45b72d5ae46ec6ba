//! Advisories in the OSV format (<https://ossf.github.io/osv-schema/>), as a mirror has them.
//!
//! Invariant: a record without a sound id, time or list of packages is an error. A package whose ranges cannot be read
//! stays in the record with the reason, so that its components are "undecided".

use std::collections::BTreeMap;

use evidence::Moment;
use evidence::document::findings::Severity;
use evidence::document::{MESSAGE_BYTES_MAX, text};
use serde::Deserialize;
use serde_json::Value;

use super::affected::{Affected, Event};
use super::ecosystem::Package;
use super::error::AdvisoriesError;
use super::stored::{Sort, StoredRecord};
use crate::reports::findings::moment;
use crate::reports::severity::Rating;

/// Largest record in bytes.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Facts that all packages share.
    pub facts: StoredRecord,
    /// Time of the last change, if it is one after 1970.
    pub modified: Option<Moment>,
    /// Whether the record was withdrawn.
    pub withdrawn: bool,
    /// Affected packages of the ecosystems that the program knows.
    pub packages: BTreeMap<Package, Affected>,
}

#[derive(Deserialize)]
struct Osv {
    id: String,
    modified: String,
    published: Option<String>,
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<OsvSeverity>>,
    affected: Option<Vec<OsvAffected>>,
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct OsvSeverity {
    #[serde(default)]
    score: String,
}

#[derive(Deserialize)]
struct OsvAffected {
    package: Option<OsvPackage>,
    ranges: Option<Value>,
    versions: Option<Value>,
    severity: Option<Vec<OsvSeverity>>,
    database_specific: Option<Value>,
    ecosystem_specific: Option<Value>,
}

#[derive(Deserialize)]
struct OsvPackage {
    ecosystem: String,
    name: String,
}

impl Record {
    /// Reads a record. `name` is that of its file.
    ///
    /// # Errors
    /// `AdvisoriesError::Format` names the file and the cause.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, AdvisoriesError> {
        let fault = |why: String| AdvisoriesError::Format { name: text(name, 200), why };
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(fault(format!("more than {RECORD_BYTES_MAX} bytes")));
        }
        let osv: Osv = serde_json::from_slice(bytes)
            .map_err(|error| fault(format!("not a record in the OSV format: {error}")))?;
        let (id, aliases) = identifiers(&osv.id, osv.aliases.iter().flatten()).map_err(fault)?;
        let time = |field: &str, time: &str| {
            let sound = time.trim().parse::<jiff::Timestamp>().is_ok();
            sound.then(|| moment(time)).ok_or_else(|| fault(format!("`{field}` is no time of RFC 3339")))
        };
        let modified = time("modified", &osv.modified)?;
        let published = osv.published.as_deref().map(|at| time("published", at)).transpose()?.flatten();
        let rating = rating(&osv);
        let facts = StoredRecord {
            sort: sort(&osv, &id, &aliases),
            summary: summary(&osv, &id),
            severity: rating.map(|rating| rating.severity),
            score: rating.and_then(|rating| rating.score),
            epss: None,
            exploited: false,
            published,
            id,
            aliases,
            affected: Affected::default(),
        };
        let packages = packages(&osv).map_err(fault)?;
        Ok(Self { facts, modified, withdrawn: osv.withdrawn.is_some(), packages })
    }
}

/// The id of a record, and its other ids in order.
pub(super) fn identifiers<'t>(
    id: &str,
    others: impl IntoIterator<Item = &'t String>,
) -> Result<(String, Vec<String>), String> {
    let id = identifier(id).ok_or("`id` is no id of an advisory")?;
    let mut aliases = Vec::new();
    for alias in others {
        let alias = identifier(alias).ok_or("an alias is no id of an advisory")?;
        if alias != id {
            aliases.push(alias);
        }
    }
    aliases.sort();
    aliases.dedup();
    if aliases.len() > ALIASES_MAX {
        return Err(format!("more than {ALIASES_MAX} aliases"));
    }
    Ok((id, aliases))
}

/// An id that a document may hold.
fn identifier(id: &str) -> Option<String> {
    let fine = !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic());
    fine.then(|| id.to_owned())
}

fn summary(osv: &Osv, id: &str) -> String {
    let line = |text: &str| text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let found = osv.summary.as_deref().and_then(line).or_else(|| osv.details.as_deref().and_then(line));
    let found = text(&found.unwrap_or_default(), MESSAGE_BYTES_MAX);
    if found.is_empty() { id.to_owned() } else { found }
}

/// Vectors first, then the word of a database.
fn rating(osv: &Osv) -> Option<Rating> {
    let affected = || osv.affected.iter().flatten();
    let lists = osv.severity.iter().chain(affected().filter_map(|affected| affected.severity.as_ref()));
    if let Some(rating) = Rating::of_vectors(lists.flatten().map(|severity| severity.score.as_str())) {
        return Some(rating);
    }
    let specific =
        affected().flat_map(|affected| [&affected.database_specific, &affected.ecosystem_specific]);
    let words = std::iter::once(&osv.database_specific).chain(specific).flatten();
    let words = words.filter_map(|value| value.get("severity")?.as_str()).map(Rating::of_word);
    words.filter(|rating| rating.severity != Severity::Unknown).max()
}

fn sort(osv: &Osv, id: &str, aliases: &[String]) -> Sort {
    if id.starts_with("MAL-") || aliases.iter().any(|alias| alias.starts_with("MAL-")) {
        return Sort::Malicious;
    }
    let is_malicious = osv.database_specific.as_ref().is_some_and(|value| {
        value.get("malicious-packages-origins").is_some_and(|origins| !origins.is_null())
    });
    if is_malicious {
        return Sort::Malicious;
    }
    // RustSec marks what is no vulnerability.
    let mut words = osv.affected.iter().flatten().map(|affected| {
        affected.database_specific.as_ref().and_then(|value| value.get("informational")?.as_str())
    });
    let first = words.next().flatten();
    match first.filter(|first| words.all(|word| word == Some(first))) {
        Some("unmaintained") => Sort::Unmaintained,
        Some("unsound") => Sort::Unsound,
        Some("notice") => Sort::Notice,
        _ => Sort::Vulnerability,
    }
}

fn packages(osv: &Osv) -> Result<BTreeMap<Package, Affected>, String> {
    let mut packages: BTreeMap<Package, Affected> = BTreeMap::new();
    for affected in osv.affected.iter().flatten() {
        let Some(package) = &affected.package else { continue };
        let written = package.name.trim();
        let Some(package) = Package::named(&package.ecosystem, written) else { continue };
        let fine = !written.is_empty() && package.name.len() <= NAME_BYTES_MAX;
        if !fine || package.name.chars().any(char::is_control) {
            return Err("the name of an affected package is empty, long or not printable".into());
        }
        let mut statement = statement(affected);
        statement.prune(package.ecosystem.order());
        let all = packages.entry(package).or_default();
        all.ranges.append(&mut statement.ranges);
        all.versions.append(&mut statement.versions);
        all.unclear = all.unclear.take().or(statement.unclear);
    }
    for (package, affected) in &mut packages {
        affected.versions.sort();
        affected.versions.dedup();
        let events: usize = affected.ranges.iter().map(Vec::len).sum();
        if events > EVENTS_MAX || affected.versions.len() > VERSIONS_MAX {
            let what = format!("more than {EVENTS_MAX} events or {VERSIONS_MAX} versions");
            return Err(format!("{what} of the package `{}`", text(&package.name, 100)));
        }
    }
    Ok(packages)
}

/// The statement of an entry about versions. Ranges of commits say nothing about them.
fn statement(affected: &OsvAffected) -> Affected {
    let mut statement = Affected::default();
    let mut unclear = None;
    match &affected.versions {
        None | Some(Value::Null) => {}
        Some(Value::Array(versions)) => {
            for version in versions {
                match version.as_str().and_then(self::version) {
                    Some(version) => statement.versions.push(version),
                    None => unclear = Some("a listed version is no text of a version".to_owned()),
                }
            }
        }
        Some(_) => unclear = Some("its list of versions is no list".to_owned()),
    }
    match &affected.ranges {
        None | Some(Value::Null) => {}
        Some(Value::Array(ranges)) => {
            for range in ranges {
                match events(range) {
                    Ok(Some(events)) => statement.ranges.push(events),
                    Ok(None) => {}
                    Err(why) => unclear = Some(why),
                }
            }
        }
        Some(_) => unclear = Some("its list of ranges is no list".to_owned()),
    }
    if unclear.is_none() && statement.ranges.is_empty() && statement.versions.is_empty() {
        unclear = Some("it names no versions, only commits or nothing".to_owned());
    }
    statement.unclear = unclear;
    statement
}

/// The events of a range; `None` for one of commits.
fn events(range: &Value) -> Result<Option<Vec<Event>>, String> {
    match range.get("type").and_then(Value::as_str) {
        Some("SEMVER" | "ECOSYSTEM") => {}
        Some("GIT") => return Ok(None),
        Some(other) => return Err(format!("a range has the unknown type `{}`", text(other, 40))),
        None => return Err("a range has no type".into()),
    }
    let list = range.get("events").and_then(Value::as_array).ok_or("a range has no events")?;
    let mut events = Vec::with_capacity(list.len());
    for event in list {
        let fields =
            event.as_object().filter(|fields| !fields.is_empty()).ok_or("an event has no version")?;
        for (kind, value) in fields {
            let version = value.as_str().and_then(version).ok_or("an event has no version")?;
            events.push(match kind.as_str() {
                "introduced" => Event::Introduced(version),
                "fixed" => Event::Fixed(version),
                "last_affected" => Event::LastAffected(version),
                "limit" => Event::Limit(version),
                other => return Err(format!("a range has the unknown event `{}`", text(other, 40))),
            });
        }
    }
    if events.iter().any(|event| matches!(event, Event::Introduced(_))) {
        Ok(Some(events))
    } else {
        Err("a range has no `introduced`".into())
    }
}

/// A version as a document may hold it.
fn version(written: &str) -> Option<String> {
    let version = text(written, super::versions::VERSION_BYTES_MAX);
    (!version.is_empty() && version == written.trim()).then_some(version)
}

/// Highest number of other ids of a record: what a finding may have.
const ALIASES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 512;
const EVENTS_MAX: usize = 1_024;
const VERSIONS_MAX: usize = 20_000;
