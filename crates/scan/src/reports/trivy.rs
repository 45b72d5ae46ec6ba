//! JSON of Trivy (<https://trivy.dev/latest/docs/configuration/reporting/#json>), schema version 2.
//!
//! Invariant: each vulnerability, failed check, secret and licence is a finding, also those that `.trivyignore` or a VEX
//! file took out (`ExperimentalModifiedFindings`). The text that a secret was found in is not read.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, TEXT_BYTES_MAX, Tool, text};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts, smallest_fix};
use super::json::{self, Node};
use super::severity::Rating;
use super::{path, purl};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Trivy report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let version = root.need("SchemaVersion")?;
    if version.number()?.to_string() != "2" {
        return Err(version.fault("only schema version 2 is read; use Trivy 0.20 or later"));
    }
    let Some(results) = root.field("Results")? else {
        return Err(
            root.fault("`Results` is missing: Trivy found nothing that it can scan; check its target")
        );
    };
    let mut drafts = Drafts::new(WHAT);
    for result in results.items()? {
        let target = Target::of(&result, tree)?;
        for (name, read) in LISTS {
            for entry in result.list(name)? {
                read(&entry, &target)?.map_or(Ok(()), |draft| drafts.push(draft))?;
            }
        }
        for entry in
            result.list("ExperimentalModifiedFindings")?.into_iter().chain(result.list("ModifiedFindings")?)
        {
            modified(&entry, &target)?.map_or(Ok(()), |draft| drafts.push(draft))?;
        }
    }
    let tool = root.field("Trivy")?.map(|tool| tool.text("Version")).transpose()?.flatten();
    findings::document(drafts, BTreeSet::from([Tool::new("trivy", tool)]), tree)
}

type Reader = fn(&Node<'_>, &Target<'_>) -> Result<Option<Draft>, ScanError>;

/// The lists of a result.
const LISTS: [(&str, Reader); 4] = [
    ("Vulnerabilities", vulnerability),
    ("Misconfigurations", misconfiguration),
    ("Secrets", secret),
    ("Licenses", licence),
];

/// A scanned file or image layer.
struct Target<'a> {
    path: String,
    ecosystem: &'a str,
    tree: &'a dyn Tree,
}

impl<'a> Target<'a> {
    fn of(result: &Node<'a>, tree: &'a dyn Tree) -> Result<Self, ScanError> {
        Ok(Self {
            path: text(&path::of_path(result.text("Target")?.unwrap_or_default(), tree), TEXT_BYTES_MAX),
            ecosystem: result.text("Type")?.unwrap_or_default(),
            tree,
        })
    }

    fn place(&self, region: Region) -> DraftSite {
        DraftSite::File { path: self.path.clone(), region }
    }
}

/// A finding that Trivy took out of its lists.
fn modified(entry: &Node<'_>, target: &Target<'_>) -> Result<Option<Draft>, ScanError> {
    let kind = entry.field("Type")?;
    let read = match entry.need_text("Type")? {
        "vulnerability" => vulnerability,
        "misconfiguration" => misconfiguration,
        "secret" => secret,
        "license" => licence,
        _ => return Err(kind.as_ref().unwrap_or(entry).fault("not a type of finding that is known")),
    };
    read(&entry.need("Finding")?, target)
}

fn vulnerability(entry: &Node<'_>, target: &Target<'_>) -> Result<Option<Draft>, ScanError> {
    let id = entry.need_text("VulnerabilityID")?;
    let name = entry.need_text("PkgName")?;
    let version = entry.text("InstalledVersion")?.unwrap_or_default();
    let identifier = entry.field("PkgIdentifier")?;
    let stated = identifier.map(|identifier| identifier.text("PURL")).transpose()?.flatten();
    let stated = stated.or(entry.text("Ref")?.filter(|reference| reference.starts_with("pkg:")));
    let component = match stated {
        Some(purl) => purl::normal(purl),
        None => purl::of_package(target.ecosystem, name, version),
    };
    let mut aliases = BTreeSet::new();
    for alias in entry.list("VendorIDs")? {
        aliases.insert(alias.str()?.to_owned());
    }
    let published = entry.text("PublishedDate")?.map(|time| {
        findings::moment(time).ok_or_else(|| entry.fault("`PublishedDate` is not a time of RFC 3339"))
    });
    let message = entry.text("Title")?.or(entry.text("Description")?).unwrap_or(id);
    Ok(Some(Draft {
        aliases,
        published: published.transpose()?,
        fixed: smallest_fix(version, entry.text("FixedVersion")?.unwrap_or_default().split(',')),
        ..Draft::new(Class::Dependency, id, rating(entry)?, message, DraftSite::Component(component))
    }))
}

/// Vectors of all sources, then Trivy's word.
fn rating(entry: &Node<'_>) -> Result<Rating, ScanError> {
    let mut vectors = Vec::new();
    if let Some(sources) = entry.field("CVSS")? {
        for (_, source) in sources.fields()? {
            vectors.extend(source.text("V3Vector")?);
            vectors.extend(source.text("V40Vector")?);
        }
    }
    let word = Rating::of_word(entry.text("Severity")?.unwrap_or_default());
    Ok(Rating::of_vectors(vectors).unwrap_or(word))
}

fn misconfiguration(entry: &Node<'_>, target: &Target<'_>) -> Result<Option<Draft>, ScanError> {
    if entry.text("Status")? == Some("PASS") {
        return Ok(None);
    }
    let id = entry.text("AVDID")?.map_or_else(|| entry.need_text("ID"), Ok)?;
    let cause = entry.field("CauseMetadata")?;
    let region = cause.map(|cause| lines(&cause)).transpose()?.unwrap_or_default();
    let message = entry.text("Message")?.or(entry.text("Title")?).unwrap_or(id);
    Ok(Some(Draft::new(Class::Configuration, id, rating(entry)?, message, target.place(region))))
}

fn secret(entry: &Node<'_>, target: &Target<'_>) -> Result<Option<Draft>, ScanError> {
    let id = entry.need_text("RuleID")?;
    let message = entry.text("Title")?.unwrap_or(id);
    Ok(Some(Draft::new(Class::Secret, id, rating(entry)?, message, target.place(lines(entry)?))))
}

fn licence(entry: &Node<'_>, target: &Target<'_>) -> Result<Option<Draft>, ScanError> {
    let id = entry.need_text("Name")?;
    let category = entry.text("Category")?.unwrap_or("unknown");
    let place = match (entry.text("PkgName")?, entry.text("FilePath")?) {
        (Some(name), _) => DraftSite::Component(purl::of_package(target.ecosystem, name, "")),
        (None, Some(file)) => {
            DraftSite::File { path: path::of_path(file, target.tree), region: Region::default() }
        }
        (None, None) => target.place(Region::default()),
    };
    let message = format!("licence {id} ({category})");
    Ok(Some(Draft::new(Class::Licence, id, rating(entry)?, &message, place)))
}

fn lines(entry: &Node<'_>) -> Result<Region, ScanError> {
    Ok(Region { first: entry.line("StartLine")?, last: entry.line("EndLine")?, ..Region::default() })
}
