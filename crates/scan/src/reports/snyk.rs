//! JSON of `snyk test` and `snyk container test`
//! (<https://docs.snyk.io/developer-tools/snyk-cli/commands/test>), of one project and of several.
//!
//! Invariant: each vulnerability and each licence issue of each project is a finding, also one that a policy of Snyk
//! ignores. A project that Snyk could not test is an error of the whole report.

use std::collections::BTreeSet;

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool, text};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts, moment, smallest_fix};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, purl, vulnerabilities};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Snyk report";

/// Reads a report: one object, or a list with one for each project.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let projects = if root.is_list() { root.items()? } else { vec![root.clone()] };
    if projects.is_empty() {
        return Err(root.fault("the list is empty: Snyk tested no project"));
    }
    let mut drafts = Drafts::new(WHAT);
    for project in &projects {
        read_project(project, &mut drafts)?;
        // Applications in an image.
        for application in project.list("applications")? {
            read_project(&application, &mut drafts)?;
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("snyk", None)]), tree)
}

fn read_project(project: &Node<'_>, drafts: &mut Drafts) -> Result<(), ScanError> {
    if let Some(error) = project.text("error")?.or(project.text("message")?) {
        return Err(project.fault(format_args!("Snyk reports an error: {}", text(error, 200))));
    }
    if project.has("infrastructureAsCodeIssues") {
        return Err(
            project.fault("a report of `snyk iac test`; write it by `--sarif` and declare it as `sarif`")
        );
    }
    let entries = project.need("vulnerabilities")?.items()?;
    let mut ignored = Vec::new();
    if let Some(filtered) = project.field("filtered")? {
        ignored = filtered.list("ignore")?;
        ignored.extend(filtered.list("patch")?);
    }
    if entries.is_empty()
        && let Some(count) = project.field("uniqueCount")?
        && count.number()? > 0.0
    {
        return Err(count.fault("it counts vulnerabilities and the report shows none; is the file cut?"));
    }
    let manager = project.text("packageManager")?.unwrap_or_default();
    for entry in entries.iter().chain(&ignored) {
        drafts.push(draft(entry, manager)?)?;
    }
    if project.flag("hasUnknownVersions")? == Some(true) {
        let name = project.text("projectName")?.unwrap_or("a project");
        let message = format!("Snyk does not know the versions of all packages of {name}");
        drafts.push(incomplete::draft(&message, DraftSite::Whole))?;
    }
    Ok(())
}

fn draft(entry: &Node<'_>, manager: &str) -> Result<Draft, ScanError> {
    let rule = entry.need_text("id")?;
    let version = entry.text("version")?.unwrap_or_default();
    let name = entry.text("name")?.or(entry.text("packageName")?);
    let name = name.ok_or_else(|| entry.fault("the field `name` is missing or blank"))?;
    let component = component(entry.text("packageManager")?.unwrap_or(manager), name, version);
    let title = entry.text("title")?.unwrap_or(rule);
    let place = DraftSite::Component(component);
    if entry.text("type")? == Some("license") {
        let rating = Rating::of_word(entry.text("severity")?.unwrap_or_default());
        return Ok(Draft::new(Class::Licence, entry.text("license")?.unwrap_or(rule), rating, title, place));
    }
    let mut aliases = BTreeSet::new();
    if let Some(identifiers) = entry.field("identifiers")? {
        for (_, ids) in identifiers.fields()? {
            aliases.extend(ids.texts().flat_map(vulnerabilities::advisory_ids));
        }
    }
    let mut fixes = Vec::new();
    for fix in entry.list("fixedIn")? {
        fixes.push(fix.str()?);
    }
    fixes.extend(entry.text("nearestFixedInVersion")?);
    let is_malicious = entry.flag("malicious")? == Some(true);
    let rating = rating(entry)?;
    let worst = Rating::of(Severity::Critical);
    Ok(Draft {
        aliases,
        epss: epss(entry)?,
        published: entry.text("publicationTime")?.and_then(moment),
        fixed: smallest_fix(version, fixes),
        ..Draft::new(
            if is_malicious { Class::Supply } else { Class::Dependency },
            rule,
            if is_malicious { rating.max(worst) } else { rating },
            title,
            place,
        )
    })
}

/// Vectors of all sources, then Snyk's own score, then its word.
fn rating(entry: &Node<'_>) -> Result<Rating, ScanError> {
    let mut vectors: Vec<&str> = entry.text("CVSSv3")?.into_iter().collect();
    for (list, name) in [("cvssDetails", "cvssV3Vector"), ("cvssSources", "vector")] {
        for source in entry.list(list)? {
            vectors.extend(source.text(name)?);
        }
    }
    let score = entry.field("cvssScore")?.map(|score| score.number()).transpose()?;
    let word = entry.text("severityWithCritical")?.or(entry.text("severity")?);
    Ok(Rating::of_vectors(vectors)
        .or_else(|| score.and_then(Rating::of_number))
        .unwrap_or_else(|| Rating::of_word(word.unwrap_or_default())))
}

fn epss(entry: &Node<'_>) -> Result<Option<u16>, ScanError> {
    let Some(details) = entry.field("epssDetails")? else { return Ok(None) };
    details.field("probability")?.map(|probability| probability.probability()).transpose()
}

/// The package URL. Packages of a distribution have their source package before a slash.
fn component(manager: &str, name: &str, version: &str) -> String {
    let word = manager.split(':').next().unwrap_or_default();
    let word = WORDS.iter().find(|(theirs, _)| *theirs == word).map_or(word, |(_, ours)| *ours);
    let is_system = SYSTEMS.contains(&word);
    let name = if is_system { name.rsplit('/').next().unwrap_or(name) } else { name };
    purl::of_package(word, name, version)
}

/// Snyk's words for ecosystems that others name otherwise.
const WORDS: [(&str, &str); 8] = [
    ("golang", "go"),
    ("gomodules", "go"),
    ("golangdep", "go"),
    ("govendor", "go"),
    ("paket", "nuget"),
    ("rhel", "redhat"),
    ("amzn", "amazon"),
    ("cpp", ""),
];
const SYSTEMS: [&str; 12] = [
    "deb", "debian", "ubuntu", "apk", "alpine", "wolfi", "rpm", "redhat", "centos", "amazon", "oracle",
    "sles",
];
