//! JSON of OWASP Dependency-Check
//! (<https://github.com/dependency-check/DependencyCheck/blob/main/core/src/main/resources/templates/jsonReport.vsl>).
//!
//! Invariant: each vulnerability of each dependency is a finding, also one that a suppression file hides. A report whose
//! analysis met an error is refused, because nobody knows what was not compared.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool, text};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{purl, vulnerabilities};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Dependency-Check report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let schema = root.need("reportSchema")?;
    if !schema.as_str().is_some_and(|version| version.starts_with("1.")) {
        return Err(schema.fault("only version 1 of the schema is read"));
    }
    let scan = root.need("scanInfo")?;
    if let Some(error) = scan.list("analysisExceptions")?.first() {
        let message = first_message(error)?.unwrap_or("no message");
        return Err(error.fault(format_args!("Dependency-Check reports an error: {}", text(message, 200))));
    }
    let dependencies = root.need("dependencies")?.items()?;
    if dependencies.is_empty() {
        return Err(
            root.fault("it names no dependency: Dependency-Check read no file; check the option `--scan`")
        );
    }
    let mut drafts = Drafts::new(WHAT);
    for dependency in dependencies {
        let components = components(&dependency)?;
        for list in ["vulnerabilities", "suppressedVulnerabilities"] {
            for entry in dependency.list(list)? {
                let draft = draft(&entry)?;
                for component in &components {
                    drafts.push(Draft { place: DraftSite::Component(component.clone()), ..draft.clone() })?;
                }
            }
        }
    }
    let tool = Tool::new("dependency-check", scan.text("engineVersion")?);
    findings::document(drafts, BTreeSet::from([tool]), tree)
}

/// The message of an exception, which may stand in an object around it.
fn first_message<'a>(error: &Node<'a>) -> Result<Option<&'a str>, ScanError> {
    match error.field("exception")? {
        Some(inner) => inner.text("message"),
        None => error.text("message"),
    }
}

/// Package URLs of a dependency; a generic one of its file name if Dependency-Check did not recognise the package.
fn components(dependency: &Node<'_>) -> Result<BTreeSet<String>, ScanError> {
    let mut components = BTreeSet::new();
    for package in dependency.list("packages")? {
        let id = package.need_text("id")?;
        components.extend(id.starts_with("pkg:").then(|| purl::normal(id)));
    }
    if components.is_empty() {
        components.insert(purl::of_package("", dependency.need_text("fileName")?, ""));
    }
    Ok(components)
}

fn draft(entry: &Node<'_>) -> Result<Draft, ScanError> {
    let name = entry.need_text("name")?;
    let message = entry.text("description")?.unwrap_or(name);
    let mut fixed = None;
    for software in entry.list("vulnerableSoftware")? {
        let Some(software) = software.field("software")? else { continue };
        if software.text("vulnerabilityIdMatched")? == Some("true") {
            fixed = software.text("versionEndExcluding")?.map(str::to_owned);
        }
    }
    Ok(Draft {
        aliases: vulnerabilities::advisory_ids(name),
        exploited: entry.field("knownExploitedVulnerability")?.is_some(),
        fixed,
        ..Draft::new(Class::Dependency, name, rating(entry)?, message, DraftSite::Whole)
    })
}

/// The vector that the metrics make, then the score, then the word. CVSS 2 counts by its word alone.
fn rating(entry: &Node<'_>) -> Result<Rating, ScanError> {
    let mut vectors = Vec::new();
    let (mut number, mut word) = (None, entry.text("severity")?);
    for version in ["cvssv4", "cvssv3"] {
        let Some(cvss) = entry.field(version)? else { continue };
        vectors.extend(match cvss.text("vectorString")? {
            Some(vector) => Some(vector.to_owned()),
            None => vector(&cvss)?,
        });
        if let Some(score) = cvss.field("baseScore")? {
            number = number.or(Rating::of_number(score.number()?));
        }
        word = word.or(cvss.text("baseSeverity")?);
    }
    if let Some(old) = entry.field("cvssv2")? {
        word = word.or(old.text("severity")?);
    }
    let stated = number.unwrap_or_else(|| Rating::of_word(word.unwrap_or_default()));
    Ok(Rating::of_vectors(vectors.iter().map(String::as_str)).unwrap_or(stated))
}

/// The vector of CVSS 3, whose values begin with the letters of their words.
fn vector(cvss: &Node<'_>) -> Result<Option<String>, ScanError> {
    let mut vector = "CVSS:3.1".to_owned();
    for (letters, name) in METRICS {
        let Some(letter) = cvss.text(name)?.and_then(|word| word.chars().next()) else { return Ok(None) };
        vector.extend(['/']);
        vector.push_str(letters);
        vector.extend([':', letter.to_ascii_uppercase()]);
    }
    Ok(Some(vector))
}

const METRICS: [(&str, &str); 8] = [
    ("AV", "attackVector"),
    ("AC", "attackComplexity"),
    ("PR", "privilegesRequired"),
    ("UI", "userInteraction"),
    ("S", "scope"),
    ("C", "confidentialityImpact"),
    ("I", "integrityImpact"),
    ("A", "availabilityImpact"),
];
