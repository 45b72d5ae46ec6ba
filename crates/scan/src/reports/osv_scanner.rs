//! JSON of OSV-Scanner (<https://google.github.io/osv-scanner/output/>), whose records are in the OSV format
//! (<https://ossf.github.io/osv-schema/>).
//!
//! Invariant: each record of each package is part of a finding, also one that the tool's call analysis or its
//! configuration calls unimportant, as far as the report still names it.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts, smallest_fix};
use super::json::{self, Node};
use super::purl;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "OSV-Scanner report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let mut drafts = Drafts::new(WHAT);
    for source in root.need("results")?.items()? {
        for entry in source.need("packages")?.items()? {
            package(&entry, &mut drafts)?;
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("osv-scanner", None)]), tree)
}

fn package(entry: &Node<'_>, drafts: &mut Drafts) -> Result<(), ScanError> {
    let package = entry.need("package")?;
    let name = package.text("name")?.unwrap_or_default();
    let version = package.text("version")?.or(package.text("commit")?).unwrap_or_default();
    let component = purl::of_package(package.text("ecosystem")?.unwrap_or_default(), name, version);
    let place = DraftSite::Component(component);
    let groups = groups(entry)?;
    for record in entry.list("vulnerabilities")? {
        let id = record.need_text("id")?;
        let message = record.text("summary")?.or(record.text("details")?).unwrap_or(id);
        let rating = rating(&record, groups.get(id).into_iter().flatten())?;
        let published = record.text("published")?.map(|time| {
            findings::moment(time).ok_or_else(|| record.fault("`published` is not a time of RFC 3339"))
        });
        drafts.push(Draft {
            aliases: aliases(&record, groups.get(id).into_iter().flatten())?,
            published: published.transpose()?,
            fixed: fixed(&record, name, version)?,
            ..Draft::new(Class::Dependency, id, rating, message, place.clone())
        })?;
    }
    for licence in entry.list("license_violations")? {
        let licence = licence.str()?;
        let message = format!("the licence {licence} is not on the tool's list");
        drafts.push(Draft::new(
            Class::Licence,
            licence,
            Rating::of(Severity::Unknown),
            &message,
            place.clone(),
        ))?;
    }
    Ok(())
}

/// Aliases by the record, and by the group that the tool put it into.
fn aliases<'n, 'a: 'n>(
    record: &Node<'a>,
    groups: impl Iterator<Item = &'n Node<'a>>,
) -> Result<BTreeSet<String>, ScanError> {
    let mut aliases = BTreeSet::new();
    for alias in record.list("aliases")? {
        aliases.insert(alias.str()?.to_owned());
    }
    for group in groups {
        for alias in group.list("ids")?.into_iter().chain(group.list("aliases")?) {
            aliases.insert(alias.str()?.to_owned());
        }
    }
    Ok(aliases)
}

/// The groups of a package by the ids of their records.
fn groups<'a>(entry: &Node<'a>) -> Result<BTreeMap<&'a str, Vec<Node<'a>>>, ScanError> {
    let mut groups: BTreeMap<&str, Vec<Node<'_>>> = BTreeMap::new();
    for group in entry.list("groups")? {
        let ids = group.list("ids")?;
        if ids.len() + group.list("aliases")?.len() > GROUP_MAX {
            return Err(group.fault(format_args!("more than {GROUP_MAX} ids of one vulnerability")));
        }
        for id in ids {
            let of_id = groups.entry(id.str()?).or_default();
            of_id.push(group.clone());
            if of_id.len() > GROUP_MAX {
                return Err(id.fault(format_args!("more than {GROUP_MAX} groups have this id")));
            }
        }
    }
    Ok(groups)
}

/// Highest number of ids in a group, and of groups with an id.
const GROUP_MAX: usize = 128;

/// Vectors first, then the group's score, then the word of the database.
fn rating<'n, 'a: 'n>(
    record: &Node<'a>,
    groups: impl Iterator<Item = &'n Node<'a>>,
) -> Result<Rating, ScanError> {
    let mut vectors = Vec::new();
    let mut lists = record.list("severity")?;
    let affected = record.list("affected")?;
    for affected in &affected {
        lists.extend(affected.list("severity")?);
    }
    for severity in &lists {
        vectors.extend(severity.text("score")?);
    }
    if let Some(rating) = Rating::of_vectors(vectors) {
        return Ok(rating);
    }
    let mut scores = Vec::new();
    for group in groups {
        if group.text("max_severity")?.is_some() {
            let score = group.need("max_severity")?;
            scores.push(
                Rating::of_number(score.number()?).ok_or_else(|| score.fault("not a score from 0 to 10"))?,
            );
        }
    }
    if let Some(rating) = scores.into_iter().max() {
        return Ok(rating);
    }
    let database = record.field("database_specific")?;
    let word = database.as_ref().and_then(|database| database.field("severity").ok().flatten()?.as_str());
    Ok(Rating::of_word(word.unwrap_or_default()))
}

/// The smallest fix by the ranges that speak about the package.
fn fixed(record: &Node<'_>, name: &str, version: &str) -> Result<Option<String>, ScanError> {
    let mut fixes = Vec::new();
    for affected in record.list("affected")? {
        let package = affected.field("package")?;
        if package.map(|package| package.text("name")).transpose()?.flatten() != Some(name) {
            continue;
        }
        for range in affected.list("ranges")? {
            // Commits are no versions.
            if range.text("type")? == Some("GIT") {
                continue;
            }
            for event in range.list("events")? {
                fixes.extend(event.text("fixed")?);
            }
        }
    }
    Ok(smallest_fix(version, fixes))
}
