//! JSON of Grype (<https://github.com/anchore/grype>).
//!
//! Invariant: each match is part of a finding, also those that the tool's configuration ignores.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts, smallest_fix};
use super::json::{self, Node};
use super::purl;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Grype report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let mut drafts = Drafts::new(WHAT);
    for entry in root.need("matches")?.items()?.into_iter().chain(root.list("ignoredMatches")?) {
        drafts.push(draft(&entry)?)?;
    }
    let descriptor = root.field("descriptor")?;
    let version = descriptor.map(|descriptor| descriptor.text("version")).transpose()?.flatten();
    findings::document(drafts, BTreeSet::from([Tool::new("grype", version)]), tree)
}

fn draft(entry: &Node<'_>) -> Result<Draft, ScanError> {
    let record = entry.need("vulnerability")?;
    let related = entry.list("relatedVulnerabilities")?;
    let id = record.need_text("id")?;
    let artifact = entry.need("artifact")?;
    let version = artifact.text("version")?.unwrap_or_default();
    let component = match artifact.text("purl")? {
        Some(purl) => purl::normal(purl),
        None => {
            purl::of_package(artifact.text("type")?.unwrap_or_default(), artifact.need_text("name")?, version)
        }
    };
    let mut aliases = BTreeSet::new();
    let mut message = record.text("description")?;
    for other in &related {
        aliases.insert(other.need_text("id")?.to_owned());
        message = message.or(other.text("description")?);
    }
    let mut fixes = Vec::new();
    if let Some(fix) = record.field("fix")? {
        for version in fix.list("versions")? {
            fixes.push(version.str()?);
        }
    }
    let records: Vec<&Node<'_>> = std::iter::once(&record).chain(&related).collect();
    Ok(Draft {
        aliases,
        epss: epss(&records)?,
        exploited: exploited(&records)?,
        fixed: smallest_fix(version, fixes),
        ..Draft::new(
            Class::Dependency,
            id,
            rating(&records)?,
            message.unwrap_or(id),
            DraftSite::Component(component),
        )
    })
}

/// Vectors of the record and of the related ones, then the word of the record: the related ones rate other packages.
fn rating(records: &[&Node<'_>]) -> Result<Rating, ScanError> {
    let mut vectors = Vec::new();
    let mut words = Vec::new();
    for record in records {
        for score in record.list("cvss")? {
            vectors.extend(score.text("vector")?);
        }
        words.extend(record.text("severity")?.map(Rating::of_word));
    }
    let of_record = words.first().copied().unwrap_or_else(|| Rating::of_word(""));
    Ok(Rating::of_vectors(vectors).unwrap_or(of_record))
}

fn epss(records: &[&Node<'_>]) -> Result<Option<u16>, ScanError> {
    let mut highest = None;
    for record in records {
        for entry in record.list("epss")? {
            highest = highest.max(Some(entry.need("epss")?.probability()?));
        }
    }
    Ok(highest)
}

fn exploited(records: &[&Node<'_>]) -> Result<bool, ScanError> {
    for record in records {
        if !record.list("knownExploited")?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
