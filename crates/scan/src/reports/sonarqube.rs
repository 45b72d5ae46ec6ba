//! Issues and security hotspots of SonarQube, as its web API writes them: `api/issues/search` and `api/hotspots/search`
//! (<https://docs.sonarsource.com/sonarqube-server/extension-guide/web-api>).
//!
//! Invariant: each open issue and hotspot is a finding, also one that somebody accepted or marked as false. A page of
//! a longer list is refused, because the rest is not there. Hotspots are suspicions until somebody confirms them.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool, text};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::path;
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "SonarQube report";

/// Reads a report: one page, or a list of pages of issues, of hotspots or of both.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let pages = if root.is_list() { root.items()? } else { vec![root.clone()] };
    if pages.is_empty() {
        return Err(root.fault("the list has no page"));
    }
    let mut drafts = Drafts::new(WHAT);
    let mut lists: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for page in &pages {
        if let Some(error) = page.list("errors")?.first() {
            let message = text(error.text("msg")?.unwrap_or("no message"), 200);
            return Err(error.fault(format_args!("SonarQube reports an error: {message}")));
        }
        let list = if page.has("hotspots") { "hotspots" } else { "issues" };
        let files = files(page)?;
        let (shown, total) = lists.entry(list).or_default();
        for entry in page.need(list)?.items()? {
            *shown += 1.0;
            if let Some(draft) = draft(&entry, list == "hotspots", &files, tree)? {
                drafts.push(draft)?;
            }
        }
        *total = total.max(counted(page)?);
    }
    for (list, (shown, total)) in lists {
        if shown < total {
            return Err(root.fault(format_args!(
                "it shows {shown} of {total} {list}; ask for all pages, and write them as one list"
            )));
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("sonarqube", None)]), tree)
}

/// The number of entries of all pages.
fn counted(page: &Node<'_>) -> Result<f64, ScanError> {
    match page.field("paging")? {
        Some(paging) => paging.need("total")?.number(),
        None => page.need("total")?.number(),
    }
}

/// Paths by the keys of components.
fn files<'a>(page: &Node<'a>) -> Result<BTreeMap<&'a str, &'a str>, ScanError> {
    let mut files = BTreeMap::new();
    for component in page.list("components")? {
        if let Some(path) = component.text("path")? {
            files.insert(component.need_text("key")?, path);
        }
    }
    Ok(files)
}

fn draft(
    entry: &Node<'_>,
    is_hotspot: bool,
    files: &BTreeMap<&str, &str>,
    tree: &dyn Tree,
) -> Result<Option<Draft>, ScanError> {
    let rule = entry.need_text(if is_hotspot { "ruleKey" } else { "rule" })?;
    let resolution = entry.text("resolution")?.or(entry.text("issueStatus")?).unwrap_or_default();
    if matches!(resolution, "FIXED" | "REMOVED") {
        return Ok(None);
    }
    let component = entry.need_text("component")?;
    let project = entry.text("project")?.unwrap_or_default();
    let below = component.strip_prefix(project).and_then(|rest| rest.strip_prefix(':'));
    let place = match files.get(component).copied().or(below) {
        Some(file) => DraftSite::File { path: path::of_path(file, tree), region: region(entry)? },
        None => DraftSite::Whole,
    };
    let repository = rule.split(':').next().unwrap_or_default();
    let class = match repository {
        "secrets" => Class::Secret,
        _ if CONFIGURATION.contains(&repository) => Class::Configuration,
        _ => Class::Code,
    };
    let message = entry.text("message")?.filter(|_| class != Class::Secret).unwrap_or(rule);
    let unconfirmed = is_hotspot && resolution != "ACKNOWLEDGED";
    let rating = Rating::of(severity(entry, is_hotspot)?);
    Ok(Some(Draft { unconfirmed, ..Draft::new(class, rule, rating, message, place) }))
}

fn region(entry: &Node<'_>) -> Result<Region, ScanError> {
    let Some(range) = entry.field("textRange")? else {
        return Ok(Region { first: entry.line("line")?, ..Region::default() });
    };
    // Offsets count from 0.
    let column = |name| -> Result<Option<u32>, ScanError> {
        Ok(range.line(name)?.map_or_else(|| range.has(name).then_some(1), |offset| offset.checked_add(1)))
    };
    Ok(Region {
        first: range.line("startLine")?,
        last: range.line("endLine")?,
        column: column("startOffset")?,
        end: column("endOffset")?,
    })
}

/// The five levels of issues, otherwise the highest impact. The levels of hotspots are probabilities.
fn severity(entry: &Node<'_>, is_hotspot: bool) -> Result<Severity, ScanError> {
    if is_hotspot {
        return Ok(level(entry.need_text("vulnerabilityProbability")?));
    }
    if let Some(word) = entry.text("severity")? {
        return Ok(match word {
            "CRITICAL" => Severity::High,
            "MAJOR" => Severity::Medium,
            word => level(word),
        });
    }
    let mut highest = Severity::Unknown;
    for (n, impact) in entry.list("impacts")?.iter().enumerate() {
        let impact = level(impact.need_text("severity")?);
        highest = if n == 0 { impact } else { highest.max(impact) };
    }
    Ok(highest)
}

fn level(word: &str) -> Severity {
    Rating::of_word(word).severity
}

/// Repositories of rules about configuration.
const CONFIGURATION: [&str; 8] = [
    "terraform",
    "kubernetes",
    "docker",
    "cloudformation",
    "azureresourcemanager",
    "ansible",
    "githubactions",
    "helm",
];
