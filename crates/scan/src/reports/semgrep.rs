//! Semgrep's own JSON (<https://semgrep.dev/docs/semgrep-appsec-platform/json-and-sarif>).
//!
//! Invariant: each result is a finding, also one that `is_ignored`, and so is each warning and each file or rule that
//! Semgrep says it left out. Semgrep leaves results beside a `nosemgrep` comment out of the report unless it runs with
//! `--disable-nosem`: a pipeline that trusts no comment passes that option.

use std::collections::BTreeSet;

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, path, purl, vulnerabilities};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Semgrep report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let mut drafts = Drafts::new(WHAT);
    for error in root.need("errors")?.items()? {
        drafts.push(warning(&error, tree)?)?;
    }
    let paths = root.field("paths")?;
    if let Some(paths) = &paths {
        for skipped in paths.list("skipped")? {
            let reason = skipped.text("reason")?.unwrap_or("no reason");
            if !OTHER_LANGUAGE.contains(&reason) {
                let place = whole_file(skipped.need_text("path")?, tree);
                drafts.push(incomplete::draft(&format!("Semgrep skipped the file: {reason}"), place))?;
            }
        }
    }
    for skipped in root.list("skipped_rules")? {
        let message = format!("Semgrep skipped the rule {}", skipped.need_text("rule_id")?);
        drafts.push(incomplete::draft(&message, DraftSite::Whole))?;
    }
    let results = root.need("results")?.items()?;
    let scanned = paths.as_ref().map(|paths| paths.field("scanned")).transpose()?.flatten();
    if let Some(scanned) = scanned
        && results.is_empty()
        && scanned.items()?.is_empty()
    {
        return Err(scanned.fault("Semgrep scanned no file; check its target"));
    }
    for entry in results {
        drafts.push(draft(&entry, tree)?)?;
    }
    findings::document(drafts, BTreeSet::from([Tool::new("semgrep", root.text("version")?)]), tree)
}

/// An error that Semgrep itself calls a warning: it read the rest.
fn warning(error: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let message = error.text("message")?.or(error.text("long_msg")?).unwrap_or("no message");
    if !matches!(error.text("level")?, Some("warn" | "info")) {
        let message = evidence::document::text(message, 200);
        return Err(error.fault(format_args!("Semgrep reports an error: {message}")));
    }
    let place = error.text("path")?.map_or(DraftSite::Whole, |path| whole_file(path, tree));
    Ok(incomplete::draft(message, place))
}

fn whole_file(path: &str, tree: &dyn Tree) -> DraftSite {
    DraftSite::File { path: path::of_path(path, tree), region: Region::default() }
}

/// Reasons of skipped files that no rule speaks about.
const OTHER_LANGUAGE: [&str; 2] = ["wrong_language", "irrelevant_rule"];

fn draft(entry: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let rule = entry.need_text("check_id")?;
    let extra = entry.need("extra")?;
    let message = extra.text("message")?.unwrap_or(rule);
    let rating = Rating::of(severity(extra.text("severity")?.unwrap_or_default()));
    let metadata = extra.field("metadata")?;
    if let Some(supply) = extra.field("sca_info")? {
        return dependency(&supply, metadata.as_ref(), rule, rating, message);
    }
    let (start, end) = (entry.field("start")?, entry.field("end")?);
    let at = |position: &Option<Node<'_>>, name| position.as_ref().map_or(Ok(None), |node| node.line(name));
    let region = Region {
        first: at(&start, "line")?,
        column: at(&start, "col")?,
        last: at(&end, "line")?,
        end: at(&end, "col")?,
    };
    let place = DraftSite::File { path: path::of_path(entry.need_text("path")?, tree), region };
    let class = if is_secret(rule, metadata.as_ref())? { Class::Secret } else { Class::Code };
    Ok(Draft::new(class, rule, rating, message, place))
}

/// A result of Semgrep Supply Chain.
fn dependency(
    supply: &Node<'_>,
    metadata: Option<&Node<'_>>,
    rule: &str,
    rating: Rating,
    message: &str,
) -> Result<Draft, ScanError> {
    let found = supply.need("dependency_match")?.need("found_dependency")?;
    let ecosystem = found.text("ecosystem")?.unwrap_or_default();
    let component =
        purl::of_package(ecosystem, found.need_text("package")?, found.text("version")?.unwrap_or_default());
    let mut aliases = vulnerabilities::advisory_ids(rule);
    for name in ["sca-vuln-database-identifier", "ghsa", "cve"] {
        let id = metadata.map(|metadata| metadata.field(name)).transpose()?.flatten();
        aliases
            .extend(id.and_then(|id| id.as_str()).map(vulnerabilities::advisory_ids).into_iter().flatten());
    }
    // The advisory is the record; the rule is Semgrep's name for it.
    let id = aliases.first().cloned().unwrap_or_else(|| rule.to_owned());
    Ok(Draft {
        aliases,
        ..Draft::new(Class::Dependency, &id, rating, message, DraftSite::Component(component))
    })
}

fn is_secret(rule: &str, metadata: Option<&Node<'_>>) -> Result<bool, ScanError> {
    if rule.split('.').any(|part| part == "secrets") {
        return Ok(true);
    }
    let classes = metadata.map(|metadata| metadata.field("vulnerability_class")).transpose()?.flatten();
    let Some(classes) = classes.filter(Node::is_list) else { return Ok(false) };
    Ok(classes.items()?.iter().any(|class| class.as_str() == Some("Hard-coded Secrets")))
}

/// Semgrep's `INFO` is the lowest level of a rule that looks for problems, and not the absence of one.
fn severity(word: &str) -> Severity {
    match word {
        "INFO" => Severity::Low,
        "INVENTORY" => Severity::None,
        word => Rating::of_word(word).severity,
    }
}
